--- Random programs of tasks do, event by event, what they do in CPython.
local asyncio = require "asyncio"
local anyio = require "anyio"
local t = require "harness"

local here = debug.getinfo(1, "S").source:match "^@(.*)test_traces%.lua$" or ""
local programs = dofile(here .. "traces.lua")

local Vexing = anyio.exception("Vexing")

local LETTERS <const> = {
  CancelledError = "C", TimeoutError = "T", Vexing = "V", RuntimeError = "R",
}

--- An error as a letter, a group as the letters of its members.
local function letter(err)
  if not anyio.isinstance(err, anyio.BaseExceptionGroup) then
    return LETTERS[err.name] or err.name
  end
  local list = {}
  for i, member in ipairs(err.exceptions) do list[i] = letter(member) end
  return "G(" .. table.concat(list, ",") .. ")"
end

local WORDS <const> = {[true] = "True", [false] = "False"}

-- How each operation is done: op(player, arguments, where it stands).
local op = {}

---@class Player what one program needs while it runs
local Player = {}
Player.__index = Player

function Player:log(...)
  local words = table.pack(...)
  for i = 1, words.n do
    local word = words[i]
    words[i] = word == nil and "None" or tostring(WORDS[word] or word)
  end
  self.trace[#self.trace + 1] = table.concat(words, " ")
end

function Player:body(list, who)
  for n, args in ipairs(list) do
    local where = who .. "." .. n - 1
    local ok, err = pcall(op[args[1]], self, args, where)
    if not ok then
      self:log(where, args[1], "raised", letter(err))
      error(err, 0)
    end
  end
end

function Player:run_task(i)
  self:log("t", i, "start")
  local ok, err = pcall(self.body, self, self.program.bodies[i + 1], "t" .. i)
  self:log("t", i, "ends", ok and "ok" or letter(err))
  if not ok then error(err, 0) end
  return i
end

function Player:task(i)
  self.tasks[i] = self.tasks[i] or asyncio.create_task(self.run_task, self, i)
  return self.tasks[i]
end

function Player:list(numbers)
  local list = {}
  for i, number in ipairs(numbers) do list[i] = self:task(number) end
  return list
end

function op.sleep(p, _, where)
  asyncio.sleep(0)
  p:log(where, "slept")
end

function op.log(p, _, where) p:log(where, "log", asyncio.current_task():cancelling()) end

function op.await_fut(p, args, where) p:log(where, "got", p.futures[args[2]]:await()) end

function op.set_fut(p, args)
  local future = p.futures[args[2]]
  if not future:done() then future:set_result(args[2]) end
end

function op.set_exc(p, args)
  local future = p.futures[args[2]]
  if not future:done() then future:set_exception(Vexing()) end
end

function op.cancel_fut(p, args, where) p:log(where, "cf", p.futures[args[2]]:cancel()) end

function op.soon_set(p, args, where)
  asyncio.get_running_loop():call_soon(function()
    p:log(where, "soon")
    if not p.futures[args[2]]:done() then p.futures[args[2]]:set_result(7) end
  end)
end

function op.soon_cancel(p, args, where)
  asyncio.get_running_loop():call_soon(function()
    local task = p.tasks[args[2]]
    p:log(where, "soonc", task and task:cancel())
  end)
end

function op.create(p, args) p:task(args[2]) end

function op.await_task(p, args, where) p:log(where, "task gave", p:task(args[2]):await()) end

function op.cancel_task(p, args, where)
  local task = p.tasks[args[2]]
  if task then p:log(where, "cancel", task:cancel(), task:cancelling()) end
end

function op.uncancel(p, args, where)
  local task = p.tasks[args[2]]
  if task then p:log(where, "uncancel", task:uncancel()) end
end

function op.cbtask(p, args, where)
  p:task(args[2]):add_done_callback(function(task) p:log(where, "cb", task:cancelled()) end)
end

op["try"] = function(p, args, where)
  local ok, err = pcall(p.body, p, args[2], where)
  if not ok then p:log(where, "caught", letter(err)) end
end

function op.gather(p, args, where)
  local list = p:list(args[2])
  list[#list + 1] = {return_exceptions = args[3]}
  local results = asyncio.gather(table.unpack(list)):await()
  for i, result in ipairs(results) do
    if type(result) == "table" then results[i] = letter(result) end
  end
  p:log(where, "gathered", table.unpack(results))
end

function op.shield(p, args, where)
  p:log(where, "shielded", asyncio.shield(p:task(args[2])):await())
end

function op.wait(p, args, where)
  local done, pending = asyncio.wait(p:list(args[2]), {return_when = args[3]})
  p:log(where, "waited", #done, #pending)
end

function op.raise(_, args) error(args[2] == "V" and Vexing() or asyncio.CancelledError()) end

function op.timeout0(p, args, where)
  local scope = asyncio.timeout(0)
  scope(function() p:body(args[2], where) end)
  p:log(where, "timeout left", scope:expired(), asyncio.current_task():cancelling())
end

local function run_child(p, body, where)
  p:log(where, "child")
  p:body(body, where)
end

function op.tg(p, args, where)
  asyncio.TaskGroup(function(group)
    for i, body in ipairs(args[3]) do
      group:create_task(run_child, p, body, where .. ".c" .. i - 1)
    end
    p:body(args[2], where)
  end)
  p:log(where, "tg left", asyncio.current_task():cancelling())
end

function Player:final_state(i)
  local task = self.tasks[i]
  if not task then return "none" end
  if not task:done() then return "pending" end
  if task:cancelled() then return "cancelled" end
  return task:exception() and letter(task:exception()) or "ok"
end

--- The trace of a program. What still runs after 70 turns is left.
local function play(program)
  local loop = asyncio.get_running_loop()
  loop:set_exception_handler(function() end)
  local p = setmetatable({program = program, trace = {}, tasks = {}, futures = {}}, Player)
  for i = 0, program.nf - 1 do p.futures[i] = loop:create_future() end
  asyncio.create_task(function()
    local ok, err = pcall(p.body, p, program.main, "main")
    if not ok then p:log("main ends", letter(err)) end
  end)
  for _ = 1, 70 do
    local ok, err = pcall(asyncio.sleep, 0)
    if not ok then p:log("main hit", letter(err)) end
  end
  for i = 0, program.nt - 1 do p:log("final", i, p:final_state(i)) end
  p:log "END"
  return table.concat(p.trace, "; ")
end

--- What a program leaves behind may swallow its cancellation and wait on.
local function end_leftovers()
  for _ = 1, 10 do
    for _, task in ipairs(asyncio.all_tasks()) do
      if task ~= asyncio.current_task() then task:cancel() end
    end
    asyncio.sleep(0)
  end
end

local function check(program)
  local trace = play(program)
  end_leftovers()
  t.eq(trace, program.trace)
end

for i, program in ipairs(programs) do
  t.test("[AS-LOOP-02 AS-CAN-01 AS-CAN-05 D-25] program " .. i
    .. " of the traces runs as in CPython", {counts_turns = true},
    function() check(program) end)
end

t.test("[UV-03 UV-10] the programs of the traces run so on uvloop's loop too",
  {plain = true, counts_turns = true}, function()
  for _, program in ipairs(programs) do require("uvloop").run(check, nil, program) end
end)
