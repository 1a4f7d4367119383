package transport

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel is told to end streams whose peer vanished within a minute, those
// that we accept and those that we open.
func TestVanishedPeersAreNoticed(t *testing.T) {
	ln, err := ListenTCP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	out, err := dialTCP(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for name, c := range map[string]net.Conn{"accepted": in, "opened": out} {
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		for opt, want := range map[int]int{unix.TCP_USER_TIMEOUT: 60_000, unix.TCP_KEEPIDLE: 30, unix.TCP_KEEPINTVL: 10, unix.TCP_KEEPCNT: 3} {
			err := raw.Control(func(fd uintptr) {
				if got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, opt); got != want || err != nil {
					t.Errorf("%s: option %d is %d, %v, want %d", name, opt, got, err, want)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
