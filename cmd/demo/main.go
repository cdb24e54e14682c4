// Command demo is the program inside the demo image: what an application does
// with pod identity, with the official Azure SDK for Go and nothing of ours.
//
// Its flags are those of the image that it stands in for
// (mcr.microsoft.com/oss/azure/aad-pod-identity/demo:v1.6.3): --subscriptionid,
// --clientid and --resourcegroup. It repeats five things, and logs a line
// when an outcome changes and every ten seconds otherwise:
//
//   - an ARM operation: list the virtual machines of the resource group;
//   - a token without naming an identity;
//   - a token for --clientid;
//   - a plain token request for it, which no cache of the SDK answers;
//   - a GET on the instance metadata.
//
// --load is for tests that change what is below a pod while it gets tokens.
//
// ARM_ENDPOINT names another Resource Manager than Azure's.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC | log.Lmicroseconds)
	var d demo
	flag.StringVar(&d.subscription, "subscriptionid", "", "subscription of the resource group")
	flag.StringVar(&d.clientID, "clientid", "", "client ID of the user-assigned identity to ask for")
	flag.StringVar(&d.resourceGroup, "resourcegroup", "", "resource group whose virtual machines are counted")
	period := flag.Duration("period", 400*time.Millisecond, "pause between two rounds")
	once := flag.Bool("once", false, "make one round and stop, with exit status 1 if anything failed")
	raw := flag.Bool("raw", false, "make one plain token request for --clientid, print status, Retry-After and body without the token, and stop")
	load := flag.Duration("load", 0, "get tokens for --clientid again and again with this pause, by the SDK and by plain requests, and count; 0 doesn't")
	forever := flag.Bool("forever", false, "with --raw: again and again, until stopped")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	for *raw && *forever && ctx.Err() == nil {
		rawTokenRequest(ctx, os.Stdout, d.clientID)
		time.Sleep(*period)
	}
	if *raw {
		os.Exit(rawTokenRequest(ctx, os.Stdout, d.clientID))
	}
	if *load > 0 {
		d.load(ctx, os.Stdout, *load)
		return
	}
	if d.subscription == "" || d.resourceGroup == "" {
		log.Fatal("--subscriptionid and --resourcegroup are needed: the ARM operation lists the virtual machines there")
	}
	log.Printf("starting demo pod %s/%s %s", os.Getenv("MY_POD_NAMESPACE"), os.Getenv("MY_POD_NAME"), os.Getenv("MY_POD_IP"))
	for {
		ok := d.round(ctx)
		if *once {
			if !ok {
				os.Exit(1)
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(*period):
		}
	}
}
