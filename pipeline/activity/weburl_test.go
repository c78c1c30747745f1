package activity_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"switchyard/pipeline/activity"
	"switchyard/value"
)

// listenRaw answers every connection with the answers in turn, and returns the
// first line of each request.
func listenRaw(t *testing.T, answers ...string) (address string, lines <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got := make(chan string, len(answers))
	go func() {
		for _, answer := range answers {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(c)
			first, _ := r.ReadString('\n')
			for line := first; strings.TrimSpace(line) != ""; {
				line, _ = r.ReadString('\n')
			}
			got <- strings.TrimSpace(first)
			io.WriteString(c, answer)
			c.Close()
		}
	}()
	return l.Addr().String(), got
}

const emptyAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

// TestURLOnTheWire: an address reaches the request line as .NET's Uri escapes it.
func TestURLOnTheWire(t *testing.T) {
	for _, c := range []struct{ url, target string }{
		{"", "/"},
		{"/", "/"},
		{"/a b", "/a%20b"},
		{"  /a?x=1 ", "/a?x=1"},
		{"/a?q=a b&r=c", "/a?q=a%20b&r=c"},
		{`/a"b?q="x"`, "/a%22b?q=%22x%22"},
		{"/ä?q=ä€😀", "/%C3%A4?q=%C3%A4%E2%82%AC%F0%9F%98%80"},
		{"/100%?q=100%", "/100%25?q=100%25"},
		{"/%zz%4", "/%25zz%254"},
		{"/a%20b%2Fc%c3%a4?q=%26%3D", "/a%20b%2Fc%c3%a4?q=%26%3D"},
		{"/a/b+c;d,e=f@g:h!$&'()*~-._", "/a/b+c;d,e=f@g:h!$&'()*~-._"},
		{"/?$filter=name eq 'x' and n gt 1", "/?$filter=name%20eq%20'x'%20and%20n%20gt%201"},
		{"/<a>^`{|}", "/%3Ca%3E%5E%60%7B%7C%7D"},
		{`/a\b?c\d`, "/a/b?c%5Cd"},
		{"?q={\"a\":[1]}", "/?q=%7B%22a%22:[1]%7D"},
		{"/a\nb\tc", "/a%0Ab%09c"},
		{`\a/b?c`, "/a/b?c"},
		{"/a/../b/./c", "/b/c"},
		{"/a/b/..?q=/../x", "/a/?q=/../x"},
		{"/../a//b/%2F", "/a//b/%2F"},
		{"/a#frag ment", "/a"},
		{"/a?b#c?d", "/a?b"},
	} {
		address, lines := listenRaw(t, emptyAnswer)
		url := "http://" + address + c.url
		if strings.HasPrefix(c.url, " ") {
			url = "  http://" + address + strings.TrimLeft(c.url, " ")
		}
		res := call(t, activity.WebOptions{}, "", fmt.Sprintf(`{"method":"GET","url":%s}`, value.Append(nil, url)))
		if res.Err != nil {
			t.Errorf("url %q: %v", c.url, res.Err)
			continue
		}
		if got, want := <-lines, "GET "+c.target+" HTTP/1.1"; got != want {
			t.Errorf("url %q:\n got %s\nwant %s", c.url, got, want)
		}
	}
}

// TestLocationOnTheWire: the address to poll is escaped in the same way.
func TestLocationOnTheWire(t *testing.T) {
	accepted := "HTTP/1.1 202 Accepted\r\nLocation: /jobs/my job?q=50%\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	address, lines := listenRaw(t, accepted, emptyAnswer)
	if res := call(t, activity.WebOptions{}, "http://"+address, `{"method":"GET","url":"%URL%/start"}`); res.Err != nil {
		t.Fatal(res.Err)
	}
	<-lines
	if got, want := <-lines, "GET /jobs/my%20job?q=50%25 HTTP/1.1"; got != want {
		t.Errorf("poll: got %s, want %s", got, want)
	}
}
