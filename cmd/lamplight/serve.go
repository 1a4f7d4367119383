package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/cmd/lamplight/internal/server"
)

func serveCommand() *cobra.Command {
	var file, data string
	c := &cobra.Command{
		Use: "serve", Short: "Run the server", Args: cobra.NoArgs,
		Long: "Run the server until SIGTERM or SIGINT, which drain it. SIGHUP reads the configuration again.\n" +
			"Every key of the configuration is also a variable: sip.udp is LAMPLIGHT_SIP_UDP.",
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), cmd.OutOrStdout(), file, data) },
	}
	c.Flags().StringVar(&file, "config", "", "configuration file")
	c.Flags().StringVar(&data, "data", "", "directory of the database, keys and made certificates")
	return c
}

func serve(ctx context.Context, out io.Writer, file, data string) error {
	cfg, err := load(file, data)
	if err != nil {
		return err
	}
	log := logger(cfg.Log)
	s, err := server.Start(ctx, cfg, log)
	if err != nil {
		return err
	}
	log.Info().Str("node", cfg.Node).Str("version", version()).Msg("lamplight is up")
	if cfg.Demo {
		server.Banner(out, cfg)
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			reload(ctx, s, log, file, data)
		case <-ctx.Done():
			log.Info().Msg("shutting down")
			s.Drain(context.WithoutCancel(ctx))
			err := s.Close()
			log.Info().Err(err).Msg("lamplight is down")
			return err
		}
	}
}

// load reads the configuration; a data directory given by flag wins.
func load(file, data string) (*config.Config, error) {
	cfg, err := config.Load(file, os.Environ())
	if err != nil {
		return nil, fmt.Errorf("configuration:\n%w", err)
	}
	if data != "" {
		cfg.Data = data
	}
	return cfg, nil
}

// reload keeps the running configuration when the new one has mistakes.
func reload(ctx context.Context, s *server.Server, log zerolog.Logger, file, data string) {
	cfg, err := load(file, data)
	if err == nil {
		err = s.Reload(ctx, cfg)
	}
	if err != nil {
		log.Error().Err(err).Msg("configuration not reloaded, the old one stays")
	}
}

func logger(c config.Log) zerolog.Logger {
	var w io.Writer = os.Stderr
	if c.Format == "console" {
		st, err := os.Stderr.Stat()
		terminal := err == nil && st.Mode()&os.ModeCharDevice != 0
		w = zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: time.TimeOnly, NoColor: !terminal}
	}
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}
