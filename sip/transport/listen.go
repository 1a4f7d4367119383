package transport

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// ListenUDP opens readers sockets on one address (SO_REUSEPORT when there are
// several): the kernel spreads peers over them, each peer staying with one.
// Serve each with ServePacket. On an error none stays open.
func ListenUDP(ctx context.Context, addr string, readers int) ([]net.PacketConn, error) {
	readers = max(readers, 1)
	var lc net.ListenConfig
	if readers > 1 {
		lc.Control = reusePort
	}
	out := make([]net.PacketConn, 0, readers)
	for range readers {
		pc, err := lc.ListenPacket(ctx, "udp", addr)
		if err != nil {
			for _, open := range out {
				open.Close()
			}
			return nil, fmt.Errorf("listen for SIP on UDP %s: %w", addr, err)
		}
		if u, ok := pc.(*net.UDPConn); ok {
			// The kernel gives what it may; bursts of a mass re-registration are why.
			_ = u.SetReadBuffer(4 << 20)
			_ = u.SetWriteBuffer(4 << 20)
		}
		out = append(out, pc)
		addr = pc.LocalAddr().String() // a port picked by the kernel is shared
	}
	return out, nil
}

func reusePort(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return set
}
