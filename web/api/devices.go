package api

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// now is the time as records have it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

type deviceJSON struct {
	ID         string              `json:"id"`
	Kind       presence.DeviceKind `json:"kind"`
	Name       string              `json:"name"`
	Usernames  []string            `json:"usernames"`
	Algorithms []string            `json:"algorithms,omitempty"`
	Digest     []string            `json:"digest,omitempty"`
	Publish    bool                `json:"publish_selects,omitempty"`
	Calls      bool                `json:"publish_calls,omitempty"`
	Shared     bool                `json:"shared,omitempty"`
}

func (a *API) deviceView(d *presence.Device) deviceJSON {
	j := deviceJSON{
		ID: d.ID.String(), Kind: d.Kind, Name: d.Name, Usernames: []string{},
		Digest: d.Digest, Publish: d.PublishSelects, Calls: d.PublishCalls, Shared: d.Shared,
	}
	algorithms := make(map[string]bool)
	for _, c := range a.o.Directory.CredentialsOf(d.ID) {
		j.Usernames = append(j.Usernames, c.Username)
		for _, alg := range c.HA1.Algorithms() {
			algorithms[alg] = true
		}
	}
	j.Algorithms = slices.Sorted(maps.Keys(algorithms))
	return j
}

// isNamed: a device is named by its id or by a user name of its.
func (a *API) isNamed(d *presence.Device, name string) bool {
	if d.ID.String() == name {
		return true
	}
	return slices.ContainsFunc(a.o.Directory.CredentialsOf(d.ID),
		func(c *presence.Credential) bool { return c.Username == name })
}

// device is the one that the path names, which must be the agent's.
func (a *API) device(r *request) (*presence.Domain, *presence.Device, error) {
	dom, agent, err := a.agent(r)
	if err != nil {
		return nil, nil, err
	}
	name := r.PathValue("device")
	for _, d := range a.o.Directory.DevicesOf(agent.ID, time.Now()) {
		if a.isNamed(d, name) {
			return dom, d, nil
		}
	}
	return nil, nil, problem(http.StatusNotFound, "agent %s has no device %q", agent.Number, name)
}

// listDevices shows an agent's devices, to those who may see all of the agent.
func (a *API) listDevices(r *request) error {
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if !r.subject.SeesAll(agent.ID) {
		return forbidden("%s may see their own devices only", r.subject.Actor())
	}
	list := []deviceJSON{}
	for _, d := range a.o.Directory.DevicesOf(agent.ID, time.Now()) {
		list = append(list, a.deviceView(d))
	}
	return r.answer(http.StatusOK, struct {
		Devices []deviceJSON `json:"devices"`
	}{list})
}

// addDevice gives the agent another device.
func (a *API) addDevice(r *request) error {
	var in struct {
		Kind     presence.DeviceKind `json:"kind"`
		Name     string              `json:"name"`
		Username string              `json:"username"`
		Password string              `json:"password"`
		Digest   []string            `json:"digest"`
		Publish  bool                `json:"publish_selects"`
		Calls    bool                `json:"publish_calls"`
		Shared   bool                `json:"shared"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	dom, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	d := presence.Device{
		ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: in.Kind,
		Name: cmp.Or(in.Name, in.Kind.Text()), Digest: in.Digest, PublishSelects: in.Publish,
		PublishCalls: in.Calls, Shared: in.Shared,
	}
	e := directory.Edit{
		Devices:     []presence.Device{d},
		Assignments: []presence.Assignment{{Device: d.ID, Agent: agent.ID, From: now()}},
	}
	switch {
	case in.Kind == presence.KindWebphone && in.Username != "":
		return problem(http.StatusUnprocessableEntity, "a webphone logs in with its agent and has no user name")
	case in.Kind != presence.KindWebphone && (in.Username == "" || in.Password == ""):
		return problem(http.StatusUnprocessableEntity, "a SIP device needs a user name and a password")
	case in.Username != "":
		c, err := a.credential(dom, d.ID, in.Username, in.Password)
		if err != nil {
			return err
		}
		e.Credentials = []presence.Credential{c}
	}
	if err := a.apply(r, e); err != nil {
		return err
	}
	return r.answer(http.StatusCreated, a.deviceView(&d))
}

// credential digests a password for every algorithm a device may be offered
// (RFC 8760 §2.1), so that the choice among them can change without it.
func (a *API) credential(dom *presence.Domain, dev presence.DeviceID, user, password string) (presence.Credential, error) {
	c := presence.Credential{Domain: dom.ID, Device: dev, Username: user}
	for _, alg := range [...]string{"MD5", "SHA-256"} {
		c.HA1.Set(alg, a.o.HA1(alg, user, dom.Realm, password))
	}
	if c.HA1 == (presence.HA1{}) {
		return c, problem(http.StatusInternalServerError, "no digest algorithm is known")
	}
	return c, nil
}

// updateDevice changes what the body names.
func (a *API) updateDevice(r *request) error {
	var in struct {
		Name    *string   `json:"name"`
		Digest  *[]string `json:"digest"`
		Publish *bool     `json:"publish_selects"`
		Calls   *bool     `json:"publish_calls"`
		Shared  *bool     `json:"shared"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	a.edit.Lock()
	defer a.edit.Unlock()
	_, old, err := a.device(r)
	if err != nil {
		return err
	}
	next := *old
	if in.Name != nil {
		next.Name = *in.Name
	}
	if in.Digest != nil {
		next.Digest = *in.Digest
	}
	if in.Publish != nil {
		next.PublishSelects = *in.Publish
	}
	if in.Calls != nil {
		next.PublishCalls = *in.Calls
	}
	if in.Shared != nil {
		next.Shared = *in.Shared
	}
	if err := a.apply(r, directory.Edit{Devices: []presence.Device{next}}); err != nil {
		return err
	}
	return r.answer(http.StatusOK, a.deviceView(&next))
}

// removeDevice deletes a device; its user names authenticate nobody any more.
func (a *API) removeDevice(r *request) error {
	a.edit.Lock()
	defer a.edit.Unlock()
	_, d, err := a.device(r)
	if err != nil {
		return err
	}
	if err := a.apply(r, directory.Edit{DeleteDevices: []presence.DeviceID{d.ID}}); err != nil {
		return err
	}
	return r.noContent()
}

// setDevicePassword sets a SIP password.
func (a *API) setDevicePassword(r *request) error {
	var in struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	a.edit.Lock()
	defer a.edit.Unlock()
	dom, d, err := a.device(r)
	if err != nil {
		return err
	}
	have := a.o.Directory.CredentialsOf(d.ID)
	switch {
	case d.Kind == presence.KindWebphone:
		return problem(http.StatusUnprocessableEntity, "a webphone logs in with its agent and has no password of its own")
	case in.Username == "" && len(have) != 1:
		return problem(http.StatusUnprocessableEntity, "the device has %d user names; say which", len(have))
	case in.Username == "":
		in.Username = have[0].Username
	}
	c, err := a.credential(dom, d.ID, in.Username, in.Password)
	if err != nil {
		return err
	}
	if err := a.apply(r, directory.Edit{Credentials: []presence.Credential{c}}); err != nil {
		return err
	}
	return r.noContent()
}
