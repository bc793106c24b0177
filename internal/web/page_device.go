package web

import "strings"

// Browsers name themselves and their ancestors, so the more particular stand first.
var (
	browsers = [][2]string{
		{"Edg/", "Edge"},
		{"OPR/", "Opera"},
		{"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
		{"curl/", "curl"},
		{"PostmanRuntime/", "Postman"},
		{"okhttp/", "Android app"},
		{"python-requests/", "Python"},
		{"Go-http-client/", "Go"},
		{"node", "Node.js"},
	}
	systems = [][2]string{
		{"iPhone", "iPhone"},
		{"iPad", "iPad"},
		{"Android", "Android"},
		{"Windows", "Windows"},
		{"Mac OS X", "macOS"},
		{"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	}
)

// Device is which browser and system a User-Agent names, so that people recognise their own sessions in a list; each is empty where it
// is not known. It is a hint to a person, never an input to a decision.
func Device(userAgent string) (browser, system string) {
	return named(browsers, userAgent), named(systems, userAgent)
}

// DeviceName is a short name of a User-Agent for a list: "Firefox on Linux", or "unknown".
func DeviceName(userAgent string) string {
	switch browser, system := Device(userAgent); {
	case browser == "" && system == "":
		return "unknown"
	case system == "":
		return browser
	case browser == "":
		return system
	default:
		return browser + " on " + system
	}
}

func named(table [][2]string, s string) string {
	for _, row := range table {
		if strings.Contains(s, row[0]) {
			return row[1]
		}
	}
	return ""
}
