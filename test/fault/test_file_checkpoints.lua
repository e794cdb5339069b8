--- A task that works on files, cancelled at each place where it waits.

local anyio = require "anyio"
local each_checkpoint = require("fault.checkpoints").each_checkpoint
local scratch = require "scratch"
local t = require "harness"

local Path = anyio.Path

-- Nothing is left of what the body made in the folder, nor of descriptors.
local function check_clean(state, outcome)
  local left = {}
  for path in state.dir:iterdir() do left[#left + 1] = path.name end
  t.eq(left, {}, outcome.ended and "ended" or "cancelled")
end

local function each(dir, body, check)
  scratch.descriptors()
  local before = scratch.descriptors()
  local whole = {dir = dir}
  body(whole); -- once to its end: how many turns that takes depends on the threads
  (check or check_clean)(whole, {ended = true})
  each_checkpoint{
    limit = 25,
    setup = function() return {dir = dir} end,
    body = body,
    check = function(state, outcome)
      (check or check_clean)(state, outcome)
      collectgarbage()
    end,
  }
  collectgarbage()
  collectgarbage()
  t.eq(scratch.descriptors(), before, "descriptors")
end

local function test(title, body, check)
  t.test(title, {slow = true}, function()
    anyio.TemporaryDirectory(function(path) each(Path(path), body, check) end)
  end)
end

test("temporary files and folders are gone wherever their task is cancelled", function(state)
  anyio.TemporaryDirectory({dir = state.dir}, function(path)
    Path(path, "a"):write_text("x")
    anyio.NamedTemporaryFile({dir = path}, function(file)
      file:write("x")
      file:flush()
    end)
    local scratch_file <close> = anyio.TemporaryFile{dir = path}
    scratch_file:write("y")
  end)
end)

test("a file is closed wherever its task is cancelled", function(state)
  local path = state.dir / "file"
  local file <close> = anyio.open_file(path, "w+")
  state.file = file
  file:write(("x"):rep(70000))
  file:seek(0)
  file:read()
  file:truncate(5)
  file:flush()
end, function(state, outcome)
  if state.file then t.eq(state.file.closed, true) end
  local path = state.dir / "file"
  if outcome.ended then t.eq(path:read_text(), "xxxxx") end
  path:unlink{missing_ok = true}
end)

t.test("what a cancelled reader has not got the next one gets", {slow = true}, function()
  anyio.TemporaryDirectory(function(folder)
    local path = Path(folder, "data")
    path:write_text(("0123456789"):rep(30000))
    each_checkpoint{
      limit = 20,
      setup = function() return {pieces = {}, file = anyio.open_file(path)} end,
      body = function(state)
        for piece in state.file:lines(70000) do
          state.pieces[#state.pieces + 1] = piece
        end
      end,
      check = function(state)
        state.pieces[#state.pieces + 1] = state.file:read()
        t.ok(table.concat(state.pieces) == ("0123456789"):rep(30000))
        state.file:close()
      end,
    }
  end)
end)

t.test("a cancelled waiter for a file passes its turn on", {slow = true}, function()
  anyio.TemporaryDirectory(function(folder)
    local path = Path(folder, "log")
    each_checkpoint{
      limit = 20,
      setup = function()
        local file = anyio.open_file(path, "wb", {buffering = 0})
        return {file = file, done = 0}
      end,
      partners = {function(state)
        for _ = 1, 5 do
          state.file:write("partner\n")
          state.done = state.done + 1
        end
      end},
      body = function(state)
        for _ = 1, 3 do state.file:write("victim\n") end
      end,
      check = function(state)
        anyio.fail_after(5, function()
          while state.done < 5 do sleep(0) end
          state.file:write("last\n")
        end)
        state.file:close()
        local text = path:read_text()
        t.eq(select(2, text:gsub("partner\n", "")), 5)
        t.match(text, "last\n$")
      end,
    }
  end)
end)

test("a copy of a tree stops between two files", function(state)
  local dir = anyio.mkdtemp()
  state.tree = Path(dir)
  ;(state.tree / "a" / "b"):mkdir{parents = true}
  ;(state.tree / "a" / "f"):write_text("x")
  ;(state.tree / "a"):copy(state.tree / "copy")
  for _ in state.tree:rglob "*" do sleep(0) end
  for _ in state.tree:walk() do sleep(0) end
end, function(state)
  if state.tree then os.execute(("rm -r '%s'"):format(state.tree)) end
end)
