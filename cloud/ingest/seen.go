package ingest

import "sconce"

// maxBoots is how many runs of a gateway the journal remembers. A gateway keeps
// its buffer in memory, so that after its restart nothing comes any more from the
// run before. What comes for a run that was forgotten is kept, and it is then the
// projector, which forgets none, that finds the duplicates.
const maxBoots = 8

// seen is which messages are in the journal or on their way into it. It can
// always be made again from the results and the batches after them.
type seen map[sconce.EUI64]*[]bootSeen

type bootSeen struct {
	boot    uint64
	numbers Sequences
}

// add adds a message and reports whether it was not there.
func (s seen) add(gateway sconce.EUI64, boot, sequence uint64) bool {
	return s.run(gateway, boot).Add(sequence)
}

// run returns the numbers of one run, which becomes the most recently used one
// of its gateway.
func (s seen) run(gateway sconce.EUI64, boot uint64) *Sequences {
	p := s[gateway]
	if p == nil {
		p = new(make([]bootSeen, 0, 1))
		s[gateway] = p
	}
	boots := *p
	if len(boots) > 0 && boots[0].boot == boot {
		return &boots[0].numbers
	}
	found := bootSeen{boot: boot}
	i := 0
	for ; i < len(boots); i++ {
		if boots[i].boot == boot {
			found = boots[i]
			break
		}
	}
	switch {
	case i < len(boots):
	case len(boots) < maxBoots:
		boots = append(boots, bootSeen{})
	default:
		i--
	}
	copy(boots[1:i+1], boots[:i])
	boots[0] = found
	*p = boots
	return &boots[0].numbers
}
