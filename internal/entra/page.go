package entra

import (
	"bytes"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// devicePage is where a user enters a device's code.
const devicePage = "/devicelogin"

// page answers a browser. There is no session: every sign-in asks for the
// password, so that no other site can use one that is open.
type page struct {
	call    *call
	request *http.Request
}

func (s *Service) page(w http.ResponseWriter, r *http.Request) *page {
	c := s.begin(w, r)
	h := w.Header()
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	return &page{call: c, request: r}
}

// view is what the template shows.
type view struct {
	Title, Text, Problem string
	Client, Name, Code   string
	Goes                 string // the host, if it isn't the user's own machine
	Form, Device, Done   bool
	Post                 map[string]string // sent by the user's click
	To                   string
}

func (p *page) show(status int, v view) {
	shown, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		p.call.log.Error("reading the page failed", "error", err)
		http.Error(p.call.w, "", http.StatusInternalServerError)
		return
	}
	var out bytes.Buffer
	if err := shown.Execute(&out, v); err != nil {
		p.call.log.Error("making a page failed", "error", err)
		http.Error(p.call.w, "", http.StatusInternalServerError)
		return
	}
	p.call.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	p.call.w.WriteHeader(status)
	_, _ = p.call.w.Write(out.Bytes())
}

func (p *page) fail(e *Error) {
	p.show(e.Status, view{Title: "Sign in", Problem: p.call.describe(e)})
}

func (p *page) signIn(a authorization, name, problem string) {
	p.show(http.StatusOK, view{Title: "Sign in", Form: true, Client: a.client.Name, Goes: elsewhere(a.redirect), Name: short(name), Problem: problem})
}

// elsewhere is where a code leaves the user's machine for. Any user may register a
// client under any name, and there is no consent: the page has to say it.
func elsewhere(redirect string) string {
	if isLoopback(redirect) {
		return ""
	}
	to, err := url.Parse(redirect)
	if err != nil || to.Host == "" {
		return redirect
	}
	return to.Host
}

// credentials reads the filled-in form.
func (p *page) credentials() (name string, password secret.String, refused *Error) {
	form, refused := p.form()
	return form.Get("username"), secret.New(form.Get("password")), refused
}

func (p *page) form() (url.Values, *Error) {
	body, err := io.ReadAll(io.LimitReader(p.request.Body, maxForm+1))
	if err != nil || len(body) > maxForm {
		return nil, malformed()
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed()
	}
	return form, nil
}

// back sends the user to his client.
func (p *page) back(a authorization, values url.Values) {
	if a.state != "" {
		values.Set("state", a.state)
	}
	if a.mode == "form_post" {
		post := map[string]string{}
		for name := range values {
			post[name] = values.Get(name)
		}
		p.show(http.StatusOK, view{Title: "Signed in", Text: "Go on to " + a.client.Name + ".", Post: post, To: a.redirect})
		return
	}
	to, err := url.Parse(a.redirect)
	if err != nil {
		p.fail(redirectUnknown(a.redirect, a.client.ID))
		return
	}
	if a.mode == "fragment" {
		to.Fragment = values.Encode()
	} else {
		query := to.Query()
		for name := range values {
			query.Set(name, values.Get(name))
		}
		to.RawQuery = query.Encode()
	}
	p.call.w.Header().Set("Location", to.String())
	p.call.w.WriteHeader(http.StatusFound)
}

// handleDevicePage takes a device's code and its user's name and password.
func (s *Service) handleDevicePage(w http.ResponseWriter, r *http.Request) {
	p := s.page(w, r)
	ask := view{Title: "Sign in on another device", Form: true, Device: true, Code: short(r.URL.Query().Get("code"))}
	if r.Method == http.MethodGet {
		p.show(http.StatusOK, ask)
		return
	}
	form, refused := p.form()
	if refused != nil {
		p.fail(refused)
		return
	}
	declined := form.Get("answer") == "cancel"
	ask.Name, ask.Code = short(form.Get("username")), short(form.Get("code"))
	if refused := s.approveDevice(r.Context(), p.call, form.Get("code"), strings.TrimSpace(form.Get("username")), secret.New(form.Get("password")), declined); refused != nil {
		ask.Problem = refused.Message
		p.show(http.StatusOK, ask)
		return
	}
	if declined {
		p.show(http.StatusOK, view{Title: "Declined", Text: "The other device was told that you don't want to sign in."})
		return
	}
	p.show(http.StatusOK, view{Title: "Signed in", Text: "You have signed in on the other device. You may close this window."})
}

const pageTemplate = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}} · Lanyard</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:26em;margin:4em auto;padding:0 1em}label{display:block;margin-top:1em}
input{font:inherit;width:100%;box-sizing:border-box;padding:.4em}button{font:inherit;margin-top:1.5em;padding:.4em 1.2em}.problem{color:#a00}</style></head>
<body><h1>{{.Title}}</h1>
{{with .Problem}}<p class="problem" role="alert">{{.}}</p>{{end}}
{{with .Text}}<p>{{.}}</p>{{end}}
{{if .Form}}<form method="post">
{{if .Device}}<p>Enter a code only if you asked for it yourself on the other device, a moment ago.</p>
<label>Code <input name="code" value="{{.Code}}" autocomplete="off" autofocus required></label>
{{else}}<p>to continue to {{.Client}}{{with .Goes}} at <b>{{.}}</b>, which may then act as you{{end}}</p>{{end}}
<label>User <input name="username" value="{{.Name}}" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button name="answer" value="ok">Sign in</button>
{{if .Device}}<button name="answer" value="cancel">Decline</button>{{end}}
</form>{{end}}
{{if .Post}}<form method="post" action="{{.To}}">
{{range $name, $value := .Post}}<input type="hidden" name="{{$name}}" value="{{$value}}">{{end}}
<button autofocus>Continue</button></form>{{end}}
</body></html>
`
