// The workloads in Node.js: bench.mjs WORKLOAD [arguments...]
import { setMaxListeners } from "node:events";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const [name, ...words] = process.argv.slice(2);
const numbers = words.map(Number).filter(Number.isFinite);

const workloads = {
  async switch(tasks = 1, each = 1000000) {
    const start = process.hrtime.bigint();
    await Promise.all(Array.from({ length: tasks }, async () => {
      for (let i = 0; i < each; i++) await null;
    }));
    return [start, tasks * each, "switch"];
  },
  async spawn(count = 100000) {
    const start = process.hrtime.bigint();
    const all = [];
    for (let i = 0; i < count; i++) all.push((async () => { await null; })());
    await Promise.all(all);
    return [start, count, "task"];
  },
  async sleepers(count = 100000) {
    const start = process.hrtime.bigint();
    const all = [];
    for (let i = 1; i <= count; i++) all.push(sleep(((i * 7919) % 50) + 1));
    await Promise.all(all);
    return [start, count, "sleeper"];
  },
  async cancel(count = 100000) {
    const all = [];
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    for (let i = 0; i < count; i++) {
      all.push(new Promise((resolve) => {
        stop.signal.addEventListener("abort", resolve, { once: true });
      }));
    }
    const start = process.hrtime.bigint();
    stop.abort();
    await Promise.all(all);
    return [start, count, "task"];
  },
  async startup() {
    console.log("hello");
  },
};

const result = await workloads[name](...numbers);
if (result) {
  const [start, ops, unit] = result;
  const ns = Number(process.hrtime.bigint() - start) / ops;
  console.log(`${ns.toFixed(1)} ns/${unit}`);
}
