package siptest

import (
	"bytes"
	"net"
	"net/netip"

	"lamplight/sip/message"
)

type udpPeer struct {
	pc  net.PacketConn
	to  net.Addr
	buf []byte
}

func (u *udpPeer) transport() string     { return "UDP" }
func (u *udpPeer) local() netip.AddrPort { return u.pc.LocalAddr().(*net.UDPAddr).AddrPort() }
func (u *udpPeer) close()                { u.pc.Close() }

func (u *udpPeer) send(b []byte) error {
	_, err := u.pc.WriteTo(b, u.to)
	return err
}

func (u *udpPeer) receive() ([]byte, error) {
	n, _, err := u.pc.ReadFrom(u.buf)
	return u.buf[:n], err
}

type tcpPeer struct {
	c   net.Conn
	buf []byte
}

func (s *tcpPeer) transport() string     { return "TCP" }
func (s *tcpPeer) local() netip.AddrPort { return s.c.LocalAddr().(*net.TCPAddr).AddrPort() }
func (s *tcpPeer) close()                { s.c.Close() }

func (s *tcpPeer) send(b []byte) error {
	_, err := s.c.Write(b)
	return err
}

// receive cuts one message, or the empty line that is a pong.
func (s *tcpPeer) receive() ([]byte, error) {
	for {
		if pong, ok := bytes.CutPrefix(s.buf, []byte("\r\n")); ok {
			s.buf = pong
			return []byte("\r\n"), nil
		}
		if i := bytes.Index(s.buf, []byte("\r\n\r\n")); i >= 0 {
			// Parse alone knows the length of the body; until it is there it fails.
			if m, err := message.Parse(s.buf); err == nil {
				n := i + 4
				if m.Has(message.ContentLength) {
					n += len(m.Body)
				}
				one := append([]byte(nil), s.buf[:n]...)
				s.buf = s.buf[n:]
				return one, nil
			}
		}
		room := make([]byte, 4096)
		n, err := s.c.Read(room)
		s.buf = append(s.buf, room[:n]...)
		if err != nil && n == 0 {
			return nil, err
		}
	}
}
