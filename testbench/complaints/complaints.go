// Package complaints lists what users of other servers complain about, as far as
// it concerns registration, events, publication, calls and groups, each with the tests that
// hold this server to doing better. Those that need a real server and real
// sockets are in this package, those that need a clock of their own are beside
// the code they test.
package complaints

// Complaint is one of them.
type Complaint struct {
	// Says is what goes wrong elsewhere, in one sentence.
	Says string
	// Tests are the names of tests, each with the folder of its package in front.
	Tests []string
}

// List is all of them.
func List() []Complaint {
	return []Complaint{
		// Publication.
		{"An early that overtakes the terminated lights the lamp for good.",
			[]string{"sip/events.TestLateEarlyAfterTerminatedDoesNotRelight", "sip/events.TestTerminatedForAnUnknownDialogIsAccepted"}},
		{"The end of a call is told as confirmed or early: busy until the server restarts.",
			[]string{"sip/events.TestPublishedCallLightsTheLamp", "testbench/complaints.TestLampGoesOutWithinASecond"}},
		{"Lamps stay stuck as long as state is kept in memory, and are right only when every state is read from the database.",
			[]string{"sip/events.TestTenThousandLampsTellTheTruthOverALossyNetwork"}},
		{"A second PUBLISH before the first is answered uses the entity tag again.",
			[]string{"sip/events.TestSecondPublishBeforeTheFirst200GetsNoTagTwice", "sip/events/publisher.TestSecondPublishWaitsForTheFirst200"}},
		{"A fresh PUBLISH after a 412 leaves a double of the call and a broken document.",
			[]string{"sip/events.TestFreshPublishAfter412LeavesNoDouble", "sip/events/publisher.TestFreshPublishAfter412LeavesNoDouble"}},
		{"What is left of a timer is taken for the lifetime of a record: an orphan rings for ever.",
			[]string{"sip/events.TestOrphanEarlyEndsWithItsPublication"}},
		{"Nobody ever tells the end of a call that began before a restart.",
			[]string{"sip/events.TestCallOverARestartEnds", "testbench/phones.TestEveryPhoneShowsTheTruthThroughAWholeDay"}},
		{"After a lost BYE the agent is in a call until somebody deletes the row and restarts.",
			[]string{"sip/events.TestCallWhoseEndWasLostEndsWithItsPublication"}},
		{"If more publications have expired than live when the server starts, watchers are told of none.",
			[]string{"sip/events.TestExpiredPublicationsHideNoLiveOnesAtStart"}},
		{"A neighbour that starts anew shows old state, or none, until everybody publishes again.",
			[]string{"sip/events/publisher.TestRestartedUpstreamHasTheStateAgain", "sip/events/publisher.TestBothRestart"}},

		// Subscriptions.
		{"One unanswered NOTIFY deletes the subscription.",
			[]string{"sip/events/notifier.TestOneUnansweredNotifyDoesNotEndTheSubscription", "sip/events/notifier.TestSilenceEndsTheSubscriptionAfterSeveralNotifies"}},
		{"The first NOTIFY of a subscription disagrees with the later ones.",
			[]string{"testbench/complaints.TestFirstNotifyAgreesWithTheLaterOnes"}},
		{"The CSeq of NOTIFYs runs backward at a restart, and phones ignore them.",
			[]string{"sip/events/notifier.TestNumbersOnlyGrowAcrossManyStarts", "sip/events.TestTenThousandLampsTellTheTruthOverALossyNetwork"}},
		{"The version of the document stays at 0, or is used twice under load.",
			[]string{"sip/events/notifier.TestAtMostOneNotifyInFlightAndTheLastStateWins", "sip/events/notifier.TestNoNumberIsUsedThatARestartCouldRepeat"}},
		{"Lamps are not told over WebSockets.",
			[]string{"testbench/websocket.TestBrowserRegistersAndWatches"}},
		{"One phone that asks makes the server tell every subscriber.",
			[]string{"sip/events/notifier.TestProbeNotifiesTheProberOnly"}},
		{"A reload ends subscriptions, or floods everybody with states that have not changed.",
			[]string{"sip/events/notifier.TestReloadOfPeersEndsNoSubscription", "sip/events/notifier.TestReloadOfTheSameRulesTellsNobody", "testbench/complaints.TestReloadLeavesWatchersAlone"}},
		{"Thousands of dead subscriptions stop the NOTIFYs of the living.",
			[]string{"sip/events/notifier.TestDeadWatchersDelayNobody", "sip/events/notifier.TestThousandsOfDeadSubscriptionsStopNothing"}},
		{"If more subscriptions have expired than live when the server starts, the living are told nothing.",
			[]string{"sip/events/notifier.TestExpiredRowsHideNoLiveOnesAtStart"}},
		{"Nobody can see who watches when NOTIFYs go missing.",
			[]string{"sip/events/notifier.TestWatchersThatMissTheirNotifiesCanBeSeen", "web/api.TestWatchersOfTheDomain", "cmd/lamplight.TestWatchersRegistrationsAndFlowsCanBeListed"}},
		{"A refresh within the dialog drops the live subscription.",
			[]string{"sip/events/notifier.TestRefreshKeepsTheDialog", "sip/events/notifier.TestRefreshWithoutARowIsKeptByARestart"}},
		{"A stale connection is chosen to send by although the phone has a new one.",
			[]string{"sip/events/notifier.TestStreamWatcherIsFoundAgain", "sip/events/notifier.TestRefreshFromANewAddressMovesTheNotifies"}},
		{"Of thousands of subscriptions that are notified at once, some miss theirs.",
			[]string{"sip/events/notifier.TestThousandWatchers", "sip/events/notifier.TestOnePhoneWithTwoThousandSubscriptions", "sip/events.TestTenThousandLampsTellTheTruthOverALossyNetwork"}},
		{"It takes minutes until a lamp goes out, or the database pays for less.",
			[]string{"testbench/complaints.TestLampGoesOutWithinASecond"}},
		{"The lamp keeps its state because a NOTIFY has no dialog element.",
			[]string{"sip/events/dialoginfo.TestRender", "testbench/phones.TestEveryPhoneShowsTheTruthThroughAWholeDay"}},
		{"The caller is not in the NOTIFY, so no phone can show who calls.",
			[]string{"testbench/phones.TestEveryPhoneShowsTheTruthThroughAWholeDay"}},
		{"Ringing is ignored by phones that show the agent in a call.",
			[]string{"testbench/complaints.TestSecondCallIsShownBesideTheFirst"}},
		{"Refusing message-summary makes phones ask again without a pause.",
			[]string{"sip/events.TestMailboxIsNeverRefused", "sip/events.TestMessageSummaryIsNeverRefused", "testbench/baresip.TestMailboxIsWatchedOnceAndTold"}},
		{"A 401 without a challenge makes phones ask millions of times a day.",
			[]string{"sip/events/notifier.TestEveryChallengeHasItsHeader"}},
		{"Do Not Disturb: the phone's key is refused every minute, phone and server undo each other, and the lamp shows nothing.",
			[]string{"sip/events.TestDoNotDisturbKeyIsToldToEveryPhoneOfTheAgent", "sip/events.TestKeyForWhatIsSoAlreadyIsAnsweredByOneNotify", "sip/events.TestWishThatCrossesWithANewerChangeIsNoKey",
				"sip.TestDoNotDisturbIsOneEverywhere", "testbench/complaints.TestDoNotDisturbIsOneEverywhere", "sip/events/notifier.TestBusyLampIsForTheNamedPhones"}},
		{"A break becomes Available after an outbound call that failed.",
			[]string{"sip/events.TestBreakOutlivesAFailedCall", "presence/roster.TestDoNotDisturbOffEndsNoBreak"}},

		{"The first NOTIFY of a list is not the whole of it, or the list's server dies of what it is sent.",
			[]string{"sip/events.TestFirstNotifyOfAListIsFullWhateverHappensMeanwhile", "sip/events.TestRubbishToAListLeavesItAlone",
				"sip/events/notifier.TestLostFirstPartIsFullAgain", "sip/events/notifier.TestFiveHundredMembersOverABadNetwork"}},
		{"A member that leaves a list, or whose address changes hands, keeps its old lamp.",
			[]string{"sip/events/notifier.TestMembershipReachesLivingSubscriptions", "sip/events/notifier.TestAddressBecomesAnAgents"}},

		// Registration.
		{"An unplugged phone is shown as registered for more than a day.",
			[]string{"sip/registrar.TestUnpluggedPhoneIsUnregistered", "testbench/complaints.TestPhoneWithoutPowerIsOffline"}},
		{"A contact is removed because it does not answer, and no watcher is told.",
			[]string{"sip/registrar.TestEndByKeepaliveIsToldToWatchers", "testbench/complaints.TestPhoneWithoutPowerIsOffline"}},
		{"The extension is down, but its agent is still offered calls.",
			[]string{"testbench/complaints.TestPhoneWithoutPowerIsOffline", "testbench/complaints.TestClosedConnectionIsOfflineAtOnce"}},
		{"A browser that was closed stays registered, and its calls fail.",
			[]string{"sip/registrar.TestStreamEndsItsBindings", "sip/proxy.TestClosedBrowserIsNoTarget", "testbench/complaints.TestClosedConnectionIsOfflineAtOnce"}},
		{"Behind NAT a removal takes the contact of another phone.",
			[]string{"testbench/complaints.TestRemovalEndsOnlyTheContactOfItsDevice", "testbench/sipp.TestStarTakesBackTheDevicesOwnContactsOnly"}},
		{"Connections that send nothing, or never authenticate, are kept for ever.",
			[]string{"sip/transport.TestSlowStreams", "testbench/websocket.TestSilentSocketsHoldUpNobody"}},

		// Groups.
		{"Agents in wrap-up are freed last-first, and calls wait though somebody is free.",
			[]string{"sip/proxy.TestAgentsAreAskedInTheOrderInWhichTheyBecameFree", "sip/proxy.TestQueueServesInOrder", "presence/routing.TestNobodyOfAGroupStarves"}},
		{"Agents stay reserved, or count as answering, for hours.",
			[]string{"sip/proxy.TestNobodyStaysReserved", "sip/proxy.TestGroupLeasesEndWithACrash", "presence/hunt.TestALeaseEnds"}},
		{"A rejected call rings the only agent again and again.",
			[]string{"sip/proxy.TestRejectedCallDoesNotRingTheOnlyAgentAgainAndAgain", "sip/proxy.TestQueueDoesNotHammerAPhone", "presence/routing.TestWhoNeverAnswersIsSkippedAndAskedAgain"}},
		{"An agent who did not answer once is out of the queue for ever.",
			[]string{"sip/proxy.TestUnansweredAgentIsNotThrownOutOfTheGroup", "presence/routing.TestWhoNeverAnswersIsSkippedAndAskedAgain"}},

		// Calls.
		{"After a lost BYE of a call that passed through it, the server holds the agent in the call until somebody intervenes.",
			[]string{"sip/proxy.TestCallWhoseByeWasLostEndsWithItsSessionTimer", "sip/proxy.TestLostByeOfALongCallIsFound", "sip/proxy/calls.TestLostBYEEndsWithTheSessionTimer"}},
		{"The end of a call that was carried over a restart is told to nobody.",
			[]string{"sip/proxy.TestEndOfACallThatSpansARestartIsTold", "sip/proxy.TestCallsOutliveACrash", "testbench/calls.TestCallsOutliveAKill"}},
		{"Wrap-up ends early.",
			[]string{"sip/proxy.TestWrapUpLastsAsLongAsItShould", "presence/status.TestRule09_WrapUpBlocksEverything"}},
		{"A status that is no call becomes another one after a call out that failed.",
			[]string{"sip/proxy.TestStatusOutlivesACallOutThatFailed"}},
		{"Calls are routed to agents who are offline or do not want to be disturbed.",
			[]string{"sip/proxy.TestNobodyIsRungWhoIsGoneOrInDoNotDisturb", "sip/proxy.TestEveryStatusWithRealCalls"}},
		{"A held call is shown as after-call work.",
			[]string{"sip/proxy.TestHoldIsACallAndNoWrapUp"}},
		{"A phone is registered, and its call is sent by the connection it had before.",
			[]string{"sip/proxy.TestCallGoesByTheConnectionThatThePhoneHasNow"}},
		{"The calls of a browser that was closed are answered 503.",
			[]string{"sip/proxy.TestCallAfterABrowserWasClosed", "testbench/secure.TestStreamEndsWhileItRings"}},

		// Audio of webphones.
		{"After minutes on hold the browser hears nothing: the numbers of the packets went back, and it takes them for replayed ones.",
			[]string{"webrtc/media/rtp.TestOneStreamWhoeverSpeaks", "webrtc/media.TestHoldAndResume"}},
		{"A re-INVITE of the phone's side begins the browser's DTLS anew, and there is no audio.",
			[]string{"webrtc/media.TestTransferKeepsTheSource", "testbench/media.TestChromiumTalksWithAPhone"}},
		{"The audio does not come back after a change of network, or an ICE restart that is passed on breaks the far side.",
			[]string{"webrtc/media.TestRestartOfICE", "testbench/media.TestChromiumTalksWithAPhone"}},
		{"A hold by a SIP client in a browser is answered with sendrecv, which browsers refuse.",
			[]string{"webrtc/media.TestBrowsersHoldIsAnswered"}},
		{"A call on hold, or with a silent room, is ended because no RTP comes.",
			[]string{"webrtc/media.TestSilentPhoneTimesOut"}},
		{"What is still sent to the port of a call that has ended is heard in the next one.",
			[]string{"webrtc/media.TestPortsRestAfterTheirCall"}},
		{"Whoever sends to the port of a call gets its audio.",
			[]string{"webrtc/media.TestThiefGetsNothing", "webrtc/media.TestLatch"}},
		{"The TURN server is a way into the network it stands in.",
			[]string{"webrtc/turn.TestReachesNothingElse"}},

		// Webphones.
		{"A tab that was closed or froze still rings, and the caller waits for it.",
			[]string{"webrtc.TestAPageThatDoesNotSayThatItRingsLosesTheCall", "sip/proxy.TestADeadPageFallsToWhatIsNext", "testbench/browser.TestACallToAFrozenPageFallsToTheNext"}},
		{"After a change of the network the page's connection comes back, and its call does not.",
			[]string{"webrtc.TestACallOutlivesItsSocket", "webrtc.TestACallOutlivesSilence", "testbench/browser.TestACallOutlivesThePagesSilence"}},
		{"The page shows a missed call that the agent took at another device.",
			[]string{"sip/proxy.TestACallRingsPageAndDeskPhoneAtOnce", "testbench/browser.TestPageStopsRingingWhenTheDeskPhoneAnswers"}},
		{"F5, and the call is gone.",
			[]string{"webrtc/media.TestAReloadedPageGoesOn", "webrtc.TestAReloadedPageGoesOnWithItsCall", "webrtc.TestABrowserStartedAgainGoesOnWithItsCall", "testbench/browser.TestAReloadedPageGoesOnWithItsCall", "testbench/browser.TestATabThatCrashedLeavesItsCallToTheNext", "testbench/browser.TestABrowserThatWasKilledGoesOnWithItsCall"}},
		{"A page that is reloaded in a call cannot be called any more.",
			[]string{"testbench/browser.TestAReloadedPageCanBeCalledAgain"}},
		{"Every tab rings.",
			[]string{"webrtc.TestOnlyALivingLeaderIsReached"}},
	}
}
