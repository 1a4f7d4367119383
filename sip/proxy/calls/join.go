package calls

import (
	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/proxy/fork"
)

// Join says that another agent may answer the call, at this target: somebody who
// picks it up. His leg is there while it rings, and if he answers it is his call.
func (c *Call) Join(target string, p Party) {
	if c == nil || p.Agent.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.answered {
		return
	}
	if c.joined == nil {
		c.joined = make(map[string]*side)
	}
	c.joined[target] = newSide(p, c.start.Invite, c.start, presence.Inbound)
}

// joinedLocked makes who answered the callee, if he has joined; of all others the
// legs end.
func (c *Call) joinedLocked(e fork.Event) bool {
	winner := c.joined[e.Target]
	if winner != nil {
		if old := c.kept.Callee; old != nil && old.Agent != winner.Agent {
			c.applyLocked(presence.CauseCallEnd, old, roster.EndLeg{ID: old.Leg.ID}, nil)
		}
		c.kept.Callee = winner
		delete(c.joined, e.Target)
	}
	c.partLocked(presence.CauseCallEnd)
	return winner != nil
}

// partLocked ends the legs of those who joined and did not answer.
func (c *Call) partLocked(cause presence.Cause) {
	for _, j := range c.joined {
		if now := c.kept.Callee; now == nil || now.Agent != j.Agent { // else the leg is the same
			c.applyLocked(cause, j, roster.EndLeg{ID: j.Leg.ID}, nil)
		}
	}
	c.joined = nil
}

// leftLocked ends the leg of one who joined and will not answer.
func (c *Call) leftLocked(target string) {
	j := c.joined[target]
	if j == nil {
		return
	}
	delete(c.joined, target)
	for _, other := range c.joined {
		if other.Agent == j.Agent {
			return // another phone of his still rings
		}
	}
	if now := c.kept.Callee; now == nil || now.Agent != j.Agent {
		c.applyLocked(presence.CauseCallEnd, j, roster.EndLeg{ID: j.Leg.ID}, nil)
	}
}

// Who is the agent who is rung at this target; zero: none of ours, or nobody.
func (c *Call) Who(target string) presence.AgentID {
	if c == nil {
		return presence.AgentID{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if j := c.joined[target]; j != nil {
		return j.Agent
	}
	if _, theirs := c.start.Devices[target]; theirs && c.kept.Callee != nil {
		return c.kept.Callee.Agent
	}
	return presence.AgentID{}
}
