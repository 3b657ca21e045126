package store

import (
	"context"
	"slices"
	"time"

	"sconce"
	"sconce/cloud/energy/figures"
	"sconce/cloud/rollup"
	"sconce/cloud/store/sitedb"
)

// Budget implements [alert.Store]. It reads one block of a device: the days of this month.
// Those of devices whose days are being made again for a new time zone may be a few hours off.
func (a alerts) Budget(ctx context.Context, id sconce.ProjectID, now time.Time) (used, planned float64, err error) {
	err = a.of(id).view(ctx, func(q *sitedb.Queries) error {
		used, planned = 0, 0
		set, err := energySettings(ctx, q, id)
		if err != nil || set.Budget == 0 {
			return err
		}
		zone, err := a.zones.load(set.Zone)
		if err != nil {
			return err
		}
		today := figures.DateOf(now, zone)
		month := rollup.MonthOf(today.Year, today.Month)
		devices, err := q.DevicesOfStays(ctx, string(id))
		if err != nil {
			return err
		}
		mwh := int64(0)
		for some := range slices.Chunk(devices, devicesAtOnce) {
			rows, err := q.Rollups(ctx, sitedb.RollupsParams{ProjectID: string(id), Level: int64(rollup.Days), Since: month, Until: month, Devices: some})
			if err != nil {
				return err
			}
			for _, r := range rows {
				b, err := rollup.Parse(r.Sums)
				if err != nil {
					return err
				}
				total := b.Total()
				mwh += total.Energy
			}
		}
		used, planned = float64(mwh)/1000, set.Budget
		return nil
	})
	if sconce.KindOf(err) == sconce.NotFound {
		return 0, 0, nil // the project has just been deleted
	}
	return used, planned, doing("reading how much energy was used", err)
}
