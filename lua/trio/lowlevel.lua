--- trio.lowlevel: what primitives and schedulers' companions are built from.

local checkpoints = require "trio.checkpoints"
local instruments = require "trio.instruments"
local interrupt = require "trio.interrupt"
local parking_lot = require "trio.parking_lot"
local readiness = require "trio.readiness"
local runner = require "trio.runner"
local token = require "trio.token"
local waiting = require "trio.waiting"

---@class trio.lowlevel
local lowlevel = {
  Abort = waiting.Abort,
  ParkingLot = parking_lot.ParkingLot,
  RunVar = require "anyrun.runvar",
  add_instrument = instruments.add_instrument,
  add_parking_lot_breaker = parking_lot.add_parking_lot_breaker,
  cancel_shielded_checkpoint = checkpoints.cancel_shielded_checkpoint,
  checkpoint = checkpoints.checkpoint,
  checkpoint_if_cancelled = checkpoints.checkpoint_if_cancelled,
  current_clock = runner.current_clock,
  current_root_task = waiting.current_root_task,
  current_statistics = runner.current_statistics,
  current_task = waiting.current_task,
  current_trio_token = token.current_trio_token,
  currently_ki_protected = interrupt.currently_ki_protected,
  disable_ki_protection = interrupt.disable_ki_protection,
  enable_ki_protection = interrupt.enable_ki_protection,
  in_trio_run = checkpoints.in_trio_run,
  in_trio_task = checkpoints.in_trio_task,
  notify_closing = readiness.notify_closing,
  remove_instrument = instruments.remove_instrument,
  remove_parking_lot_breaker = parking_lot.remove_parking_lot_breaker,
  reschedule = waiting.reschedule,
  spawn_system_task = waiting.spawn_system_task,
  start_thread_soon = require("trio.threads").start_thread_soon,
  wait_readable = readiness.wait_readable,
  wait_task_rescheduled = waiting.wait_task_rescheduled,
  wait_writable = readiness.wait_writable,
}

-- Names that are loaded when they are first looked at.
return setmetatable(lowlevel, {
  __index = function(self, key)
    if key ~= "open_process" then return nil end
    self.open_process = require("trio.process").open_process
    return self.open_process
  end,
})
