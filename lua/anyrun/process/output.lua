--- What children say: their streams read and fed, and how they ended, in words.

local command = require "anyrun.process.command"
local errors = require "anyrun.errors"
local signals = require "_anyrun.signal"

---@class anyrun.process.output
local output = {}

-- The end of what it said: a few lines, not more than a few thousand bytes.
local function tail(text)
  local lines = {}
  for line in text:sub(-2000):gmatch "[^\n]+" do
    lines[#lines + 1] = "  " .. line
  end
  local first = math.max(1, #lines - 9)
  return table.concat(lines, "\n", first)
end

--- How a child ended, in words.
---@param status integer
---@return string
---Checkpoint: never.
---@usage print(output.describe(-9)) --> died of SIGKILL
function output.describe(status)
  if status < 0 then return "died of " .. signals.name(-status) end
  return "returned exit status " .. status
end

--- The error about a child that failed.
---@param cmd string|table
---@param status integer
---@param stdout? string
---@param stderr? string
---@return anyio.BaseException
---Checkpoint: never.
---@usage error(output.failure(cmd, status, out, err))
function output.failure(cmd, status, stdout, stderr)
  local text = ("command '%s' %s"):format(command.text(cmd), output.describe(status))
  if stderr and stderr:find "%S" then text = text .. "\n" .. tail(stderr) end
  return errors.CalledProcessError(text, {
    cmd = cmd, returncode = status, stdout = stdout, output = stdout, stderr = stderr,
  })
end

--- All that comes out of a pipe.
---@param one userdata
---@return string
---Checkpoint: always.
---@usage local text = output.drain(pipe)
function output.drain(one)
  local chunks = {}
  local chunk = one:read(65536)
  while chunk do
    chunks[#chunks + 1] = chunk
    chunk = one:read(65536)
  end
  return table.concat(chunks)
end

--- Writes all of `input` and closes the pipe. A child that does not want all
--- of it is no error.
---@param one userdata
---@param input string
---Checkpoint: always.
---@usage output.feed(pipe, "hello")
function output.feed(one, input)
  local ok, err = errors.pcall(one.write, one, input)
  one:close()
  if not ok and not errors.isinstance(err, errors.BrokenResourceError) then
    errors.rethrow(err)
  end
end

--- Feeds and drains the pipes, all at once: a program may write before it has
--- read everything.
---@param pipes table<string, userdata> our ends
---@param input? string
---@param result table gets `stdout` and `stderr`
---Checkpoint: when there is a pipe.
---@usage output.communicate(job.pipes, input, result)
function output.communicate(pipes, input, result)
  local jobs = {}
  for _, name in ipairs { "stdout", "stderr" } do
    local pipe = pipes[name]
    if pipe then
      jobs[#jobs + 1] = function() result[name] = output.drain(pipe) end
    end
  end
  if input then
    jobs[#jobs + 1] = function() output.feed(pipes.stdin, input) end
  end
  if #jobs == 1 then return jobs[1]() end
  if #jobs == 0 then return end
  require("_anyrun.group").create_task_group(function(tg)
    for i = 2, #jobs do tg:start_soon(jobs[i]) end
    jobs[1]()
  end)
end

return output
