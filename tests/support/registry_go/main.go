// Command registry serves one of two independent implementations of the OCI distribution API on a free loopback port,
// from memory, for the test suite. Its first line of output is the address.
//
//	registry -kind ggcr|cue [-user U -password P] [-cert FILE -key FILE] [-images-only] [-no-referrers]
//
// ggcr is google/go-containerregistry's, cue is cuelabs' ociregistry: strict about references to what is not there.
package main

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	"github.com/google/go-containerregistry/pkg/registry"
)

const maxManifest = 4 << 20

var (
	kind        = flag.String("kind", "ggcr", "which implementation: ggcr or cue")
	user        = flag.String("user", "", "user name that every request must give")
	password    = flag.String("password", "", "password of the user")
	cert        = flag.String("cert", "", "certificate: serve TLS")
	key         = flag.String("key", "", "its private key")
	imagesOnly  = flag.Bool("images-only", false, "refuse manifests that are not of container images, as old registries do")
	noReferrers = flag.Bool("no-referrers", false, "answer 404 where referrers are asked for (ggcr)")
)

func main() {
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: handler()}
	if *cert != "" {
		log.Fatal(server.ServeTLS(listener, *cert, *key))
	}
	log.Fatal(server.Serve(listener))
}

func handler() http.Handler {
	var inner http.Handler
	switch *kind {
	case "ggcr":
		inner = registry.New(registry.WithReferrersSupport(!*noReferrers))
	case "cue":
		inner = ociserver.New(ocimem.New(), nil)
	default:
		log.Fatalf("no such kind: %s", *kind)
	}
	if *imagesOnly {
		inner = onlyImages(inner)
	}
	if *user != "" {
		inner = authenticated(inner)
	}
	return inner
}

func authenticated(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gotUser, gotPassword, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(gotUser+"\x00"+gotPassword), []byte(*user+"\x00"+*password)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="tests"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// onlyImages refuses what registries refused before OCI 1.1: other configurations, artifactType, subject.
func onlyImages(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
			body, err := io.ReadAll(io.LimitReader(r.Body, maxManifest))
			if err != nil {
				refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", err.Error())
				return
			}
			if cause := notAnImage(body); cause != "" {
				refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", cause)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		inner.ServeHTTP(w, r)
	})
}

func notAnImage(body []byte) string {
	var manifest struct {
		ArtifactType string
		Subject      *struct{}
		Config       *struct{ MediaType string }
		Manifests    []struct{}
		Layers       []struct{ MediaType string }
	}
	if err := json.Unmarshal(body, &manifest); err != nil {
		return err.Error()
	}
	if manifest.ArtifactType != "" || manifest.Subject != nil {
		return "unknown fields artifactType or subject"
	}
	if manifest.Config == nil {
		return ""
	}
	switch manifest.Config.MediaType {
	case "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json":
	default:
		return "unknown configuration media type " + manifest.Config.MediaType
	}
	for _, layer := range manifest.Layers {
		if !strings.Contains(layer.MediaType, ".image.layer.v1.tar") && !strings.Contains(layer.MediaType, ".image.rootfs.diff.tar") {
			return "unknown layer media type " + layer.MediaType
		}
	}
	return ""
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
}
