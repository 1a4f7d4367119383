package iceport

import (
	"github.com/pion/logging"
	"github.com/rs/zerolog"
)

// pionLogs leads pion's own logging into ours. What pion calls an error is
// mostly a peer that went away, so nothing of it is louder than debug; the
// call's result is logged by whoever made it.
type pionLogs struct{ log zerolog.Logger }

func (l *pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLogger{l.log.With().Str("pion", scope).Logger()}
}

type pionLogger struct{ log zerolog.Logger }

func (l pionLogger) Trace(string)             {}
func (l pionLogger) Tracef(string, ...any)    {}
func (l pionLogger) Debug(string)             {}
func (l pionLogger) Debugf(string, ...any)    {}
func (l pionLogger) Info(m string)            { l.log.Trace().Msg(m) }
func (l pionLogger) Infof(m string, a ...any) { l.log.Trace().Msgf(m, a...) }
func (l pionLogger) Warn(m string)            { l.log.Debug().Msg(m) }
func (l pionLogger) Warnf(m string, a ...any) { l.log.Debug().Msgf(m, a...) }
func (l pionLogger) Error(m string)           { l.log.Debug().Msg(m) }
func (l pionLogger) Errorf(m string, a ...any) {
	l.log.Debug().Msgf(m, a...)
}
