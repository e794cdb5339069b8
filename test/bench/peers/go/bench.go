// The workloads in Go, on one processor: bench WORKLOAD [arguments...]
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

var group sync.WaitGroup

func number(at int, otherwise int) int {
	if at < len(os.Args) {
		if n, err := strconv.Atoi(os.Args[at]); err == nil {
			return n
		}
	}
	return otherwise
}

func report(start time.Time, ops int, unit string) {
	group.Wait()
	fmt.Printf("%.1f ns/%s\n", float64(time.Since(start).Nanoseconds())/float64(ops), unit)
}

func spawn(f func()) {
	group.Add(1)
	go func() {
		f()
		group.Done()
	}()
}

func switches() {
	tasks, each := number(2, 1), number(3, 1000000)
	start := time.Now()
	for i := 0; i < tasks; i++ {
		spawn(func() {
			for i := 0; i < each; i++ {
				runtime.Gosched()
			}
		})
	}
	report(start, tasks*each, "switch")
}

func spawns() {
	count := number(2, 100000)
	start := time.Now()
	for i := 0; i < count; i++ {
		spawn(func() {})
	}
	report(start, count, "task")
}

func sleepers() {
	count := number(2, 100000)
	start := time.Now()
	for i := 1; i <= count; i++ {
		ms := time.Duration(i*7919%50 + 1)
		spawn(func() { time.Sleep(ms * time.Millisecond) })
	}
	report(start, count, "sleeper")
}

func cancel() {
	count := number(2, 100000)
	ctx, stop := context.WithCancel(context.Background())
	for i := 0; i < count; i++ {
		spawn(func() { <-ctx.Done() })
	}
	for i := 0; i < 10; i++ {
		runtime.Gosched()
	}
	start := time.Now()
	stop()
	report(start, count, "task")
}

func lock() {
	var mutex sync.Mutex
	times := number(3, 1000000)
	start := time.Now()
	for i := 0; i < 100; i++ {
		spawn(func() {
			for i := 0; i < times/100; i++ {
				mutex.Lock()
				if os.Args[2] == "held" {
					runtime.Gosched()
				}
				mutex.Unlock()
			}
		})
	}
	report(start, times, "acquire+release")
}

func channel() {
	times := number(3, 1000000)
	start := time.Now()
	if os.Args[2] == "stream" {
		items := make(chan int, 100)
		spawn(func() {
			for i := 0; i < times; i++ {
				items <- i
			}
		})
		spawn(func() {
			for i := 0; i < times; i++ {
				<-items
			}
		})
		report(start, times, "item")
		return
	}
	there, back := make(chan int), make(chan int)
	spawn(func() {
		for i := 0; i < times; i++ {
			there <- i
			<-back
		}
	})
	spawn(func() {
		for i := 0; i < times; i++ {
			back <- <-there
		}
	})
	report(start, times, "round trip")
}

func main() {
	runtime.GOMAXPROCS(1)
	workloads := map[string]func(){
		"switch": switches, "spawn": spawns, "sleepers": sleepers,
		"cancel": cancel, "lock": lock, "channel": channel,
		"startup": func() { fmt.Println("hello") },
	}
	workloads[os.Args[1]]()
}
