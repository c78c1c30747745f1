// Command approval is the page on which somebody answers the requests of the pipeline beside
// it. It listens for browsers of this machine only.
package main

import (
	"log"
	"net/http"

	"switchyard/examples/approval/desk"
)

const address = "127.0.0.1:8099"

func main() {
	log.Printf("requests are on http://%s/", address)
	log.Fatal(http.ListenAndServe(address, desk.New()))
}
