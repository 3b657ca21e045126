package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sconce/cloud/api"
)

// TestReferencePage: the page describes every route and every object, and has nothing that
// the policy would stop or that is another's.
func TestReferencePage(t *testing.T) {
	b := newBench(t)
	page := b.do(request{method: "GET", path: outsideAPI + "/docs"})
	if page.status != 200 || page.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", page.status, page.header)
	}
	for _, o := range b.operations() {
		for _, part := range []string{`id="` + o.id + `"`, `<code>` + api.Prefix + o.path + `</code>`} {
			if !strings.Contains(page.text, part) {
				t.Errorf("%s: the page has no %s", o.id, part)
			}
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page.text, -1) {
		if ids[m[1]] {
			t.Errorf("two things are called %s", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(` href="#([^"]*)"`).FindAllStringSubmatch(page.text, -1) {
		if !ids[m[1]] {
			t.Errorf("a link leads to #%s, which is not there", m[1])
		}
	}
	bad := regexp.MustCompile(`<script|<style|<[^>]* (style|src|on[a-z]+)=|(href|src)="(https?:)?//`)
	if found := bad.FindString(page.text); found != "" {
		t.Errorf("the page has %q", found)
	}
	style := b.do(request{method: "GET", path: outsideAPI + "/docs/reference.css"})
	if style.status != 200 || style.header.Get("Content-Type") != "text/css; charset=utf-8" || strings.Contains(style.text, "url(") || strings.Contains(style.text, "@import") {
		t.Errorf("the style: %d %v", style.status, style.header)
	}
	for path, a := range map[string]answer{"/docs": page, "/docs/reference.css": style} {
		again := b.do(request{method: "GET", path: outsideAPI + path, header: http.Header{"If-None-Match": {a.header.Get("ETag")}}})
		if again.status != http.StatusNotModified {
			t.Errorf("%s once more: %d", path, again.status)
		}
	}
}

// TestDocument: what the program prints is what a server serves, and each route is in a part
// that is described.
func TestDocument(t *testing.T) {
	b := newBench(t)
	document, err := api.Document()
	must(t, err)
	if served := b.do(request{method: "GET", path: "/openapi.json"}).text; served != string(document) {
		t.Errorf("printed %d bytes, served %d", len(document), len(served))
	}
	d := decode[struct {
		Tags  []struct{ Name string }
		Paths map[string]map[string]struct {
			OperationID string
			Tags        []string
		}
	}](t, answer{text: string(document)})
	known := map[string]bool{}
	for _, tag := range d.Tags {
		known[tag.Name] = true
	}
	for _, methods := range d.Paths {
		for _, o := range methods {
			if len(o.Tags) != 1 || !known[o.Tags[0]] {
				t.Errorf("%s: the tags %v; one of those in document.go is expected", o.OperationID, o.Tags)
			}
		}
	}
}
