package ingest

import (
	"context"

	"sconce"
	"sconce/cloud/project"
)

// placements says which network a gateway served when it sent a message. What
// the registry says now is true for the newest batches only, so every change is
// kept beside the journal: the results of a gateway that moves to another project
// stay where they were made, also when they are made again.
type placements struct {
	results  Results
	registry Assignments                         // nil while results are made again: then only what was kept counts
	kept     map[sconce.EUI64][]Placement        // in the order of their batches
	fresh    map[sconce.EUI64]project.Assignment // what the registry said in this step
}

func loadPlacements(ctx context.Context, results Results, registry Assignments) (*placements, error) {
	all, err := results.Placements(ctx)
	if err != nil {
		return nil, err
	}
	p := &placements{
		results: results, registry: registry,
		kept: map[sconce.EUI64][]Placement{}, fresh: map[sconce.EUI64]project.Assignment{},
	}
	for _, one := range all {
		p.kept[one.Gateway] = append(p.kept[one.Gateway], one)
	}
	return p, nil
}

// refresh lets the registry be asked again.
func (p *placements) refresh() { clear(p.fresh) }

// of returns which network a gateway served in a batch, the zero value for none.
func (p *placements) of(ctx context.Context, gateway sconce.EUI64, batch int64) (project.Assignment, error) {
	if p.registry == nil {
		return p.keptFor(gateway, batch), nil
	}
	if a, ok := p.fresh[gateway]; ok {
		return a, nil
	}
	a, err := p.registry.Assignment(ctx, gateway)
	if err != nil {
		return project.Assignment{}, err
	}
	if a != p.keptFor(gateway, batch) {
		now := Placement{Gateway: gateway, Since: batch, Assignment: a}
		if err := p.results.Place(ctx, now); err != nil {
			return project.Assignment{}, err
		}
		p.kept[gateway] = append(p.kept[gateway], now)
	}
	p.fresh[gateway] = a
	return a, nil
}

func (p *placements) keptFor(gateway sconce.EUI64, batch int64) project.Assignment {
	var a project.Assignment
	for _, one := range p.kept[gateway] {
		if one.Since <= batch {
			a = one.Assignment
		}
	}
	return a
}
