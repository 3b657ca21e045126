package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sconce/cloud/attempts"
)

// How many requests a program makes with one token in a window, or an app with those of one
// grant. What is beyond is refused
// until the window ends. People are not held to it.
const (
	tokenRequests = 600
	tokenWindow   = time.Minute
	tokensCounted = 1 << 14 // one more, and the token that was counted first begins anew
)

func newTokenLimit() *attempts.Limiter {
	return attempts.New(tokenRequests, tokenWindow, tokensCounted)
}

// withinRate counts the requests of programs, and says what is left
// (draft-ietf-httpapi-ratelimit-headers-10). It runs behind authenticate.
func (a *API) withinRate(ctx huma.Context, next func(huma.Context)) {
	who, _ := ctx.Context().Value(callerKey).(caller)
	if !who.program() {
		next(ctx)
		return
	}
	_, w := humago.Unwrap(ctx)
	quota, ok := a.rate.Spend(time.Now(), string(who.token.Origin()))
	reset := strconv.Itoa(int(math.Ceil(quota.Reset.Seconds())))
	w.Header().Set("RateLimit-Policy", fmt.Sprintf(`"token";q=%d;w=%d`, tokenRequests, int(tokenWindow.Seconds())))
	w.Header().Set("RateLimit", fmt.Sprintf(`"token";r=%d;t=%s`, quota.Left, reset))
	if ok {
		next(ctx)
		return
	}
	w.Header().Set("Retry-After", reset) // RFC 9110, 10.2.3
	writeProblem(w, &Problem{
		Type: problemType("too-many"), Title: "A limit is reached", Status: http.StatusTooManyRequests, RequestID: requestID(ctx.Context()),
		Detail: fmt.Sprintf("%d requests in %s were made with this token: try again in %s seconds", tokenRequests, tokenWindow, reset),
	})
}
