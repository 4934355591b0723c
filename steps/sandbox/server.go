package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	closeTimeout      = 2 * time.Second // for requests under way when a world is closed
	maxHeaderBytes    = 16 << 10
	maxBodyBytes      = 1 << 20
)

// server is one HTTP server on the loopback interface.
type server struct {
	http   *http.Server
	port   int
	served chan error // what Serve returned
}

// serve listens on 127.0.0.1, on the wanted port if that is free and on any
// other if not, and begins to answer.
func serve(ctx context.Context, wantedPort int, handler http.Handler) (*server, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", loopback(wantedPort))
	if err != nil && wantedPort != 0 {
		listener, err = config.Listen(ctx, "tcp4", loopback(0))
	}
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listen on loopback: got address %s", listener.Addr()), listener.Close())
	}
	s := &server{
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: readHeaderTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			// A client that hangs up is part of some rehearsals, and nothing may
			// be written over the screen.
			ErrorLog: log.New(io.Discard, "", 0),
		},
		port:   address.Port,
		served: make(chan error, 1),
	}
	go func() {
		s.served <- s.http.Serve(listener)
		close(s.served) // closing once more finds nothing to wait for
	}()
	return s, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// host returns 127.0.0.1:PORT.
func (s *server) host() string { return loopback(s.port) }

func (s *server) url() string { return "http://" + s.host() }

func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("close server: %w", err)
	}
	return nil
}

// answer writes a JSON body. A client that has gone away is its own affair.
func answer(rw http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(rw, "encode answer", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.Header().Set("Content-Length", strconv.Itoa(len(data)))
	rw.WriteHeader(status)
	_, _ = rw.Write(data)
}
