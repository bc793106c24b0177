package lint

import (
	"math"
	"time"
)

// ForecastJSON is a forecast for programs. Seconds are null where there is no end.
type ForecastJSON struct {
	Logins         float64    `json:"logins_per_second"`
	Active         float64    `json:"refresh_active_fraction"`
	RowBytes       float64    `json:"row_bytes"`
	Replicas       int        `json:"replicas"`
	HorizonSeconds float64    `json:"plot_seconds"`
	Plans          []PlanJSON `json:"plans"`
	// Deviation is the greatest of the simulated rows from the forecast ones, as a part of them; only with a simulation.
	Deviation *float64 `json:"simulation_deviation,omitempty"`
}

// PlanJSON is the forecast of one plan.
type PlanJSON struct {
	Name          string      `json:"name"`
	Access        *float64    `json:"access_seconds"`
	Assumed       bool        `json:"access_assumed"`
	Refresh       *float64    `json:"refresh_seconds"` // 0: no refresh tokens
	Idle          float64     `json:"idle_seconds"`    // 0: no such limit
	PurgeLag      *float64    `json:"purge_lag_seconds"`
	KeepsAccess   bool        `json:"keeps_access"`
	KeepsReplaced bool        `json:"keeps_replaced"`
	Steady        *float64    `json:"steady_after_seconds"`
	Points        []PointJSON `json:"points"`
}

// PointJSON is a store some time after its first login.
type PointJSON struct {
	After     float64  `json:"after_seconds"`
	Access    float64  `json:"live_access"`
	Refresh   float64  `json:"live_refresh"`
	Rows      float64  `json:"rows"`
	Bytes     float64  `json:"bytes"`
	Inserted  float64  `json:"inserted_per_day"`
	Updated   float64  `json:"updated_per_day"`
	Deleted   float64  `json:"deleted_per_day"`
	Simulated *float64 `json:"simulated_rows,omitempty"`
}

// JSON is the forecast for programs.
func (f *Forecast) JSON() ForecastJSON {
	l := f.Traffic.under(Plan{Access: 1})
	out := ForecastJSON{
		Logins: l.Rate, Active: l.Active, RowBytes: l.RowBytes, Replicas: l.Replicas, HorizonSeconds: f.horizon().Seconds(),
	}
	for _, p := range f.Plans {
		plan := PlanJSON{
			Name: p.Name, Access: finite(p.Access), Assumed: p.Assumed, Refresh: finite(p.Refresh), Idle: p.Idle.Seconds(),
			PurgeLag: finite(p.PurgeLag), KeepsAccess: p.KeepsAccess, KeepsReplaced: p.KeepsReplaced, Steady: finite(p.Steady),
		}
		for i, at := range p.Points {
			point := PointJSON{at.After.Seconds(), at.Access, at.Refresh, at.Rows, at.Bytes, at.Inserted, at.Updated, at.Deleted, nil}
			if p.Simulated != nil {
				point.Simulated = &p.Simulated[i]
			}
			plan.Points = append(plan.Points, point)
		}
		out.Plans = append(out.Plans, plan)
	}
	if f.Plans[0].Simulated != nil {
		most := f.Deviation()
		out.Deviation = &most
	}
	return out
}

func finite(d time.Duration) *float64 {
	s := seconds(d)
	if math.IsInf(s, 1) {
		return nil
	}
	return &s
}
