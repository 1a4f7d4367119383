package transport

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A peer that vanishes (the network changed, the laptop sleeps, the cable is out)
// says nothing. The kernel asks a silent stream's peer, and gives up on one that
// does not confirm what it was sent; either way the stream ends within a minute,
// and with it what is registered over it. Left alone the kernel would try to send
// for a quarter of an hour.
const (
	vanishedIdle  = 30 * time.Second
	vanishedEvery = 10 * time.Second
	vanishedTries = 3
	vanishedAfter = vanishedIdle + vanishedTries*vanishedEvery
)

func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: vanishedIdle, Interval: vanishedEvery, Count: vanishedTries}
}

// ListenTCP listens for streams whose vanished peers are noticed.
func ListenTCP(ctx context.Context, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive(), Control: giveUp}
	ln, err := lc.Listen(ctx, "tcp", addr) // accepted sockets inherit what Control sets
	if err != nil {
		return nil, fmt.Errorf("listen on TCP %s: %w", addr, err)
	}
	return ln, nil
}

// dialTCP opens a stream of the same kind.
func dialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlive(), Control: giveUp}
	return d.DialContext(ctx, network, addr)
}

// giveUp sets how long sent data may stay unconfirmed (RFC 5482; tcp(7)).
func giveUp(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(vanishedAfter/time.Millisecond))
	})
	if err != nil {
		return err
	}
	return set
}
