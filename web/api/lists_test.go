package api

import (
	"strconv"
	"strings"
	"testing"
)

func TestListLife(t *testing.T) {
	h := newHouse(t)
	h.ask(admin, "PUT", "/lists/Front-Desk", `{"members":["1001","1002@ALIAS.test","1001","park-1"]}`).want(200).
		is("front-desk", "name").is("domain", "kind").is("sip:list-front-desk@one.test", "uri").
		is("1002", "members", 1).is("park-1", "members", 2).is(nil, "members", 3)
	h.ask(reader, "GET", "/lists/front-desk", "").want(200).is("1001", "members", 0)
	h.ask(reader, "GET", "/lists", "").want(200).is("friends", "lists", 0, "name").is("front-desk", "lists", 1, "name").
		is("sales", "lists", 2, "name").is("team", "lists", 2, "kind").is("sip:team-sales@one.test", "lists", 2, "uri").is("1002", "lists", 2, "members", 1)
	h.ask(admin, "PUT", "/lists/front-desk", `{"members":[]}`).want(200).is(nil, "members", 0)
	h.ask(admin, "DELETE", "/lists/front-desk", "").want(204)
	h.ask(admin, "DELETE", "/lists/front-desk", "").problem(404, "no list")
	h.ask(admin, "GET", "/lists/front-desk", "").problem(404, "no list")
	h.ask(elsewhere, "GET", "/lists/friends", "").problem(404, "no list")
	for body, says := range map[string]string{`{"members":["1@two.test"]}`: "one.test", `{"members":["a b"]}`: "no number"} {
		h.ask(admin, "PUT", "/lists/x", body).problem(422, says)
	}
	h.ask(admin, "PUT", "/lists/x%20y", `{"members":[]}`).problem(422, "no name")
	members := make([]string, 501)
	for i := range members {
		members[i] = strconv.Itoa(i)
	}
	h.ask(admin, "PUT", "/lists/x", `{"members":["`+strings.Join(members, `","`)+`"]}`).problem(422, "more than 500")
}

func TestAgentsOwnLists(t *testing.T) {
	h := newHouse(t)
	own, other, boss := h.login("1001"), h.login("1002"), h.login("1003")
	h.ask(own, "PUT", "/agents/1001/lists/mine", `{"members":["1003"]}`).want(200).is("agent", "kind").is("sip:list-mine@one.test", "uri")
	h.ask(own, "PUT", "/agents/1001/lists/third", `{"members":[]}`).problem(422, "2 lists already")
	h.ask(own, "GET", "/agents/1001/lists", "").want(200).is("friends", "lists", 0, "name").is("mine", "lists", 1, "name")
	h.ask(other, "GET", "/agents/1001/lists", "").problem(403, "own lists")
	h.ask(other, "PUT", "/agents/1001/lists/mine", `{"members":[]}`).problem(403, "own lists")
	h.ask(boss, "GET", "/agents/1001/lists/mine", "").want(200)
	h.ask(boss, "DELETE", "/agents/1001/lists/mine", "").problem(403, "own lists")
	h.ask(own, "PUT", "/lists/friends", `{"members":[]}`).problem(403, "admin")
	h.ask(admin, "DELETE", "/agents/1001/lists/mine", "").want(204)
	h.ask(own, "GET", "/agents/1001/lists/mine", "").problem(404, "no list")
	h.ask(admin, "DELETE", "/agents/1001", "").want(204)
	h.ask(admin, "GET", "/agents/1001/lists", "").problem(404, "1001")
}

func TestNoListsKept(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Lists = nil })
	h.ask(admin, "GET", "/lists", "").problem(501, "no lists")
	h.ask(admin, "PUT", "/lists/x", `{"members":[]}`).problem(501, "no lists")
}
