// Package pionlog leads pion's own logging into ours. What pion calls an error is
// mostly a peer that went away, so nothing of it is louder than debug; what became
// of a call is logged by whoever made it.
package pionlog

import (
	"github.com/pion/logging"
	"github.com/rs/zerolog"
)

// New leads pion's logging into log.
func New(log zerolog.Logger) logging.LoggerFactory { return &factory{log} }

type factory struct{ log zerolog.Logger }

func (l *factory) NewLogger(scope string) logging.LeveledLogger {
	return logger{l.log.With().Str("pion", scope).Logger()}
}

type logger struct{ log zerolog.Logger }

func (l logger) Trace(string)             {}
func (l logger) Tracef(string, ...any)    {}
func (l logger) Debug(string)             {}
func (l logger) Debugf(string, ...any)    {}
func (l logger) Info(m string)            { l.log.Trace().Msg(m) }
func (l logger) Infof(m string, a ...any) { l.log.Trace().Msgf(m, a...) }
func (l logger) Warn(m string)            { l.log.Debug().Msg(m) }
func (l logger) Warnf(m string, a ...any) { l.log.Debug().Msgf(m, a...) }
func (l logger) Error(m string)           { l.log.Debug().Msg(m) }
func (l logger) Errorf(m string, a ...any) {
	l.log.Debug().Msgf(m, a...)
}
