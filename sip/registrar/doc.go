// Package registrar binds addresses of record to the contacts where their
// devices can be reached (RFC 3261 §10, RFC 3327, RFC 5626, RFC 5627).
//
// # Who may bind what
//
// The credential says which device it is, the assignment of that device which
// agent, and the To header must be one of that agent's addresses, or the device's
// own, which then stands for the agent's: the user name of its credential, or an
// address of somebody it was assigned to before. A shared or hot desk's phone
// registers what it was set up with, whoever sits there. A device sees
// all contacts of the address of record but replaces and removes its own only:
// a desk phone that says "Contact: *" after a reboot does not take the softphone
// with it.
//
// # Guarantees
//
//   - Changes to one agent's bindings are made one after another, in the order
//     the requests arrived. A request that finds one being committed waits, in a
//     bounded queue.
//   - A 2xx leaves after what it says is durable. A change that could not be
//     committed is answered 503 and leaves no trace.
//   - The stored end of a binding lies beyond the end the device was told. A
//     refresh that changes nothing and stays within it writes nothing; a
//     shortened, removed or changed binding always writes.
//   - A device that changes hands takes its bindings along at once, durably: from
//     the old agent, in its order, then to the new one. The phone of a desk that is
//     nobody's stays registered, offered nothing (Unheld).
//   - The flows of one instance (RFC 5626) are one contact: the roster knows the
//     newest that is alive, and the next in the same change in which that one ends.
//     Ways gives all of them, in the order to be tried.
//   - A GRUU (RFC 5627) leads to the bindings of its instance and no others. A
//     temporary one cannot be made up, and ends when its instance registers with
//     another Call-ID.
//   - A device has at most maxContacts contacts, and each of them maxFlows flows,
//     whatever is configured.
//   - A binding ends by itself, some time (Options.Grace) after the device was
//     told it would, because phones come late.
//   - A binding over a stream ends with its flow, and at a restart. One over UDP
//     is restored at a restart, marked as such, and asked by OPTIONS whether its
//     device is still there. One that a push can wake outlives either, as asleep.
//   - A device over UDP that goes silent behind a translator of addresses (or any,
//     see Limits.Qualify) is asked by OPTIONS, and unregistered if it stays silent,
//     within the time that Limits states. Questions are spread and bounded in rate
//     and number, and cost a refresh nothing.
package registrar
