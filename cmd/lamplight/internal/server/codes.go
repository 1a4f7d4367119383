package server

import (
	"lamplight/presence/desk"
	"lamplight/sip/featurecode"
	"lamplight/sip/transaction"
	"lamplight/web/login"
)

// startDesks lets agents log in at hot desks, by phone and by page.
func (s *Server) startDesks() (err error) {
	s.desks, err = desk.New(desk.Options{Directory: s.directory, Hash: login.HashPassword, Verify: login.VerifyPassword})
	return err
}

// startCodes has what agents dial carried out.
func (s *Server) startCodes(t *transaction.Layer) (*featurecode.Server, error) {
	codes, err := featurecode.New(featurecode.Options{
		Directory: s.directory, Roster: s.roster, Transactions: t, Desks: s.desks, Log: s.log, Metrics: s.reg,
	})
	if err != nil {
		return nil, err
	}
	s.atEnd("feature codes", codes.Close)
	return codes, nil
}
