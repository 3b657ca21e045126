package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"sconce"
	"sconce/zigbee"
)

func TestOfficePrintsItsLabels(t *testing.T) {
	read := func(o officeOptions) (text []byte) {
		o.Labels = filepath.Join(t.TempDir(), "labels")
		p, err := o.plan(7)
		if err != nil {
			t.Fatal(err)
		}
		if text, err = os.ReadFile(o.Labels); err != nil {
			t.Fatal(err)
		}
		lines := json.NewDecoder(bytes.NewReader(text))
		for _, light := range p.building.Lights {
			var l label
			if err := lines.Decode(&l); err != nil {
				t.Fatal(err)
			}
			code, err := zigbee.ParseInstallCode(l.InstallCode)
			if err != nil || l.EUI64 != light.EUI64 || !code.Equal(light.InstallCode) || l.Room == "" {
				t.Errorf("%+v of %+v: %v", l, light, err)
			}
		}
		return text
	}
	office := officeOptions{Seed: 1, Rooms: 2, Floors: 1}
	if !bytes.Equal(read(office), read(office)) {
		t.Error("other labels at the next start")
	}
	office.InstallCode = "83FED3407A939723A5C639B26916D505C3B5" // BDB 3.0.1, 10.1.2.1
	if n := bytes.Count(read(office), []byte(`"66b6900981e1ee3ca4206b6b861c02bb"`)); n != 7 {
		t.Errorf("%d of 7 lights have the link key of the one label", n)
	}
}

func TestOfficeRefuses(t *testing.T) {
	for _, o := range []officeOptions{
		{Rooms: 3, Floors: 2}, {Floors: 0}, {Rooms: -1, Floors: 1},
	} {
		if _, err := o.plan(7); sconce.KindOf(err) != sconce.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
	o := officeOptions{Floors: 1}
	if _, err := o.plan(0); sconce.KindOf(err) != sconce.Invalid {
		t.Errorf("no lights: %v", err)
	}
	o.InstallCode = "1234"
	if _, err := o.plan(1); err == nil {
		t.Error("a wrong install code was taken")
	}
}
