// Command lamplight is the server and its command line.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// root is the whole command line.
func root() *cobra.Command {
	var r remote
	c := &cobra.Command{
		Use:           "lamplight",
		Short:         "One true status per call-centre agent, for phones, browsers and servers",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	c.SetOut(os.Stdout) // cobra's own default is standard error
	c.PersistentFlags().StringVar(&r.server, "server", env("LAMPLIGHT_API", "http://127.0.0.1:8080"), "address of the running server ($LAMPLIGHT_API)")
	c.PersistentFlags().StringVar(&r.token, "token", os.Getenv("LAMPLIGHT_TOKEN"), "API token ($LAMPLIGHT_TOKEN)")
	c.PersistentFlags().StringVar(&r.domain, "domain", "", "domain, where the server has several")
	c.PersistentFlags().BoolVar(&r.json, "json", false, "print the API's answer as it is")
	c.AddCommand(serveCommand(), initCommand(), checkCommand(), phonesCommand(),
		agentCommand(&r), deviceCommand(&r), deskCommand(&r), groupCommand(&r), listCommand(&r), statusCommand(&r), routeCommand(&r), whyCommand(&r), watcherCommand(&r), importCommand(&r),
		regCommand(&r), subCommand(&r), pubCommand(&r), flowCommand(&r), upstreamCommand(&r), trunkCommand(&r), mailboxCommand(&r))
	return c
}

// env is the variable's value, or def.
func env(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

// version is the module version or the revision the binary was built from.
func version() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := b.Main.Version
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && (v == "" || v == "(devel)") {
			v = s.Value[:12]
		}
	}
	return v
}
