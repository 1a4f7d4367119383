package presence

import "testing"

func TestMayWatch(t *testing.T) {
	agent := func(number string, role Role, teams ...string) *Agent {
		return &Agent{ID: AgentID{DeriveID(ID{}, number)}, Number: number, Role: role, Teams: teams}
	}
	ann, bob, boss := agent("101", RoleAgent, "sales"), agent("102", "", "support", "night"), agent("103", RoleSupervisor, "support")
	by := func(a *Agent) Onlooker { return Onlooker{Kind: KindDesk, Agent: a} }
	rule := func(who, whom string, then WatchVerdict, events ...string) WatchRule {
		return WatchRule{Who: who, Whom: whom, Then: then, Events: events}
	}
	for name, c := range map[string]struct {
		rules []WatchRule
		who   Onlooker
		whom  *Agent
		event string
		want  WatchVerdict
	}{
		"nothing said":                     {nil, by(ann), bob, "dialog", WatchAllow},
		"denied to all":                    {[]WatchRule{rule("", "", WatchDeny)}, by(ann), bob, "dialog", WatchDeny},
		"never to oneself":                 {[]WatchRule{rule("", "", WatchDeny)}, by(ann), ann, "dialog", WatchAllow},
		"the first that fits":              {[]WatchRule{rule("team:sales", "", WatchAllow), rule("anyone", "anyone", WatchDeny)}, by(ann), bob, "dialog", WatchAllow},
		"a team may not":                   {[]WatchRule{rule("team:support", "team:sales", WatchDeny)}, by(bob), ann, "dialog", WatchDeny},
		"another team may":                 {[]WatchRule{rule("team:support", "team:sales", WatchDeny)}, by(boss), bob, "dialog", WatchAllow},
		"own team":                         {[]WatchRule{rule("", "own_team", WatchAllow), rule("", "", WatchConfirm)}, by(boss), bob, "dialog", WatchAllow},
		"not the own team":                 {[]WatchRule{rule("", "own_team", WatchAllow), rule("", "", WatchConfirm)}, by(boss), ann, "dialog", WatchConfirm},
		"a role":                           {[]WatchRule{rule("role:agent", "", WatchDeny)}, by(bob), ann, "dialog", WatchDeny},
		"another role":                     {[]WatchRule{rule("role:agent", "", WatchDeny)}, by(boss), ann, "dialog", WatchAllow},
		"a kind of device":                 {[]WatchRule{rule("device:mobile", "", WatchDeny)}, Onlooker{Kind: KindMobile, Agent: ann}, bob, "dialog", WatchDeny},
		"another kind":                     {[]WatchRule{rule("device:mobile", "", WatchDeny)}, by(ann), bob, "dialog", WatchAllow},
		"an agent by number":               {[]WatchRule{rule("agent:101", "agent:102", WatchDeny)}, by(ann), bob, "dialog", WatchDeny},
		"a peer by name":                   {[]WatchRule{rule("peer:pbx", "", WatchDeny)}, Onlooker{Peer: "pbx"}, bob, "dialog", WatchDeny},
		"another peer":                     {[]WatchRule{rule("peer:pbx", "", WatchDeny)}, Onlooker{Peer: "dialer"}, bob, "dialog", WatchAllow},
		"all peers":                        {[]WatchRule{rule("peers", "", WatchDeny)}, Onlooker{Peer: "dialer"}, bob, "dialog", WatchDeny},
		"a peer is in no team":             {[]WatchRule{rule("team:sales", "", WatchAllow), rule("", "", WatchDeny)}, Onlooker{Peer: "pbx"}, bob, "dialog", WatchDeny},
		"an address without an agent":      {[]WatchRule{rule("", "addresses", WatchDeny)}, by(ann), nil, "dialog", WatchDeny},
		"an agent is no such address":      {[]WatchRule{rule("", "addresses", WatchDeny)}, by(ann), bob, "dialog", WatchAllow},
		"nobody there to confirm":          {[]WatchRule{rule("", "", WatchConfirm)}, by(ann), nil, "dialog", WatchDeny},
		"one event":                        {[]WatchRule{rule("", "", WatchDeny, "presence")}, by(ann), bob, "presence", WatchDeny},
		"another event":                    {[]WatchRule{rule("", "", WatchDeny, "presence")}, by(ann), bob, "dialog", WatchAllow},
		"mailboxes are nobody's state":     {[]WatchRule{rule("", "", WatchDeny)}, by(ann), bob, "message-summary", WatchAllow},
		"mailboxes by name":                {[]WatchRule{rule("", "", WatchDeny, "message-summary")}, by(ann), bob, "message-summary", WatchDeny},
		"who watches is told nobody":       {nil, by(boss), bob, "presence.winfo", WatchDeny},
		"who watches is told oneself":      {nil, by(bob), bob, "presence.winfo", WatchAllow},
		"who watches needs a rule":         {[]WatchRule{rule("role:supervisor", "", WatchAllow, "presence.winfo")}, by(boss), bob, "presence.winfo", WatchAllow},
		"a general rule is none for winfo": {[]WatchRule{rule("", "", WatchAllow)}, by(boss), bob, "dialog.winfo", WatchDeny},
		"registrations are told nobody":    {nil, by(boss), bob, "reg", WatchDeny},
		"registrations are told oneself":   {nil, by(bob), bob, "reg", WatchAllow},
		"registrations are told peers":     {[]WatchRule{rule("", "", WatchAllow)}, Onlooker{Peer: "pbx"}, bob, "reg", WatchAllow},
		"registrations kept from a peer":   {[]WatchRule{rule("peer:pbx", "", WatchDeny, "reg")}, Onlooker{Peer: "pbx"}, bob, "reg", WatchDeny},
		"registrations by rule":            {[]WatchRule{rule("role:supervisor", "", WatchAllow, "reg")}, by(boss), bob, "reg", WatchAllow},
		"a general rule is none for reg":   {[]WatchRule{rule("", "", WatchAllow)}, by(boss), bob, "reg", WatchDeny},
		"a phone that is nobody's":         {[]WatchRule{rule("agent:101", "", WatchAllow), rule("", "", WatchDeny)}, Onlooker{Kind: KindDesk}, bob, "dialog", WatchDeny},
	} {
		p := Policy{Watch: c.rules}
		if err := p.CheckWatch(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := p.MayWatch(c.who, c.whom, c.event); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestLampIdentity(t *testing.T) {
	ann := &Agent{ID: AgentID{NewID()}, Teams: []string{"sales"}}
	mate := &Agent{ID: AgentID{NewID()}, Teams: []string{"night", "sales"}}
	other := &Agent{ID: AgentID{NewID()}, Teams: []string{"support"}}
	boss := &Agent{ID: AgentID{NewID()}, Role: RoleSupervisor}
	for name, c := range map[string]struct {
		choice LampIdentity
		who    Onlooker
		whom   *Agent
		want   bool
	}{
		"all by default":        {"", Onlooker{Agent: other}, ann, true},
		"all":                   {LampIdentityAll, Onlooker{Peer: "pbx"}, ann, true},
		"a team mate":           {LampIdentityTeam, Onlooker{Agent: mate}, ann, true},
		"not in the team":       {LampIdentityTeam, Onlooker{Agent: other}, ann, false},
		"a supervisor":          {LampIdentityTeam, Onlooker{Agent: boss}, ann, true},
		"a peer is in no team":  {LampIdentityTeam, Onlooker{Peer: "pbx"}, ann, false},
		"a parking slot":        {LampIdentityTeam, Onlooker{Agent: other}, nil, true},
		"none":                  {LampIdentityNone, Onlooker{Agent: mate}, ann, false},
		"none but the own":      {LampIdentityNone, Onlooker{Agent: ann}, ann, true},
		"none of parking slots": {LampIdentityNone, Onlooker{Agent: boss}, nil, false},
	} {
		p := Policy{LampIdentity: c.choice}
		if got := p.ShowsIdentity(c.who, c.whom); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestMistakesOfWatchRules(t *testing.T) {
	for _, r := range []WatchRule{
		{Then: "perhaps"}, {}, {Who: "team", Then: WatchAllow}, {Who: "team:", Then: WatchAllow}, {Who: "anyone:x", Then: WatchAllow},
		{Who: "device:fax", Then: WatchAllow}, {Who: "role:king", Then: WatchAllow}, {Whom: "peer:x", Then: WatchAllow},
		{Whom: "addresses", Then: WatchConfirm}, {Events: []string{""}, Then: WatchAllow},
	} {
		if r.Check() == nil {
			t.Errorf("accepted: %+v", r)
		}
	}
	if (&Policy{Watch: make([]WatchRule, maxWatchRules+1)}).CheckWatch() == nil || (&Policy{LampIdentity: "some"}).CheckWatch() == nil {
		t.Error("a bad policy was accepted")
	}
}
