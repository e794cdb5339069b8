--- uvloop: asyncio on the loop that polls for I/O once in many turns.

local UvLoop = require "asyncio.uv_loop"
local loops = require "asyncio.loop"
local options = require "anyrun.options"
local runner = require "asyncio.runner"

local error = error

local uvloop = {}

local OPTIONS <const> = { debug = "boolean?", loop_factory = "callable?" }

--- A loop of uvloop's kind; give it to `asyncio.run` as `loop_factory`.
---@return asyncio.UvLoop
---Checkpoint: never.
---@usage asyncio.run(main, { loop_factory = uvloop.new_event_loop })
function uvloop.new_event_loop() return loops.new(UvLoop) end

local function checked(factory)
  return function()
    local loop = factory()
    if type(loop) == "table" and loop._uvloop == true then return loop end
    error(require("anyrun.errors").TypeError(
      "loop_factory must make a loop of uvloop, got " .. tostring(loop)), 0)
  end
end

--- `asyncio.run` on a loop of uvloop.
---@param main function|table task function, spec, or anything with `await`
---@param opts? table `debug`, `loop_factory`
---@param ... any arguments of `main`
---@return any ... what `main` returned
---Checkpoint: never; it blocks the thread.
---Raises: as `asyncio.run`; TypeError when the factory makes another loop.
---@usage uvloop.run(main)
function uvloop.run(main, opts, ...)
  opts = options.check("run", opts, OPTIONS)
  return runner.run(main, {
    debug = opts.debug,
    loop_factory = checked(opts.loop_factory or uvloop.new_event_loop),
  }, ...)
end

uvloop.Loop = UvLoop

return uvloop
