package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/charts"
	"github.com/lanyard-project/lanyard/internal/clusters/images"
)

// processors are those of nodes that there are images for, as folders of `make cross`.
var processors = [...]string{"linux-amd64", "linux-arm64"}

// packImages makes the images that the chart's Pods name, each for all processors.
func packImages(folder, programs, repository string) error {
	metadata, err := charts.Lanyard.ReadFile("lanyard/Chart.yaml")
	if err != nil {
		return fmt.Errorf("reading the chart: %w", err)
	}
	var chart struct {
		AppVersion string `json:"appVersion"`
	}
	if err := yaml.Unmarshal(metadata, &chart); err != nil {
		return fmt.Errorf("reading the chart: %w", err)
	}
	for program, user := range map[string]string{"mic": "65532:65532", "nmi": ""} {
		var variants []images.Image
		for _, processor := range processors {
			image := images.Program(strings.TrimSuffix(repository, "/")+"/"+program+":"+chart.AppVersion, filepath.Join(programs, processor, program))
			image.User = user
			variants = append(variants, image)
		}
		digest, err := images.PackIndex(filepath.Join(folder, program), variants)
		if err != nil {
			return err
		}
		fmt.Println(variants[0].Ref, digest)
	}
	return nil
}
