package server

import (
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/realtime"
)

// ConfiguredChannels are the channels of live sockets that stand in the configuration, with the schemas that their files hold. An error
// is a file that cannot be read.
func ConfiguredChannels(c config.Config) ([]realtime.Channel, error) {
	return channelsOf(c.Realtime.Channels)
}
