-- Makes one folder the mirror of another: what is new or newer is copied, eight files
-- at a time, what is gone is removed. `make-mirror.lua FROM TO`; without arguments it
-- shows that with two folders of its own.
local anyio = require "anyio"

local function is_current(copy, source)
  if not copy:exists() then return false end
  local a, b = copy:stat(), source:stat()
  return a.st_size == b.st_size and a.st_mtime_ns == b.st_mtime_ns
end

local function mirror(from, to)
  local counts = { copied = 0, current = 0, removed = 0 }
  local at_work = anyio.CapacityLimiter(8)

  local function update(source)
    local _ <close> = at_work:acquire()
    local copy = to / source:relative_to(from)
    if is_current(copy, source) then
      counts.current = counts.current + 1
    else
      source:copy(copy, { preserve_metadata = true })
      counts.copied = counts.copied + 1
    end
  end

  anyio.create_task_group(function(tg)
    for folder, _, files in from:walk() do
      (to / folder:relative_to(from)):mkdir { parents = true, exist_ok = true }
      for _, name in ipairs(files) do tg:start_soon(update, folder / name) end
    end
  end)
  for folder, folders, files in to:walk { top_down = false } do
    local source = from / folder:relative_to(to)
    for _, name in ipairs(files) do
      if not (source / name):exists() then
        (folder / name):unlink()
        counts.removed = counts.removed + 1
      end
    end
    for _, name in ipairs(folders) do
      if not (source / name):is_dir() then (folder / name):rmdir() end
    end
  end
  print(("%d copied, %d current, %d removed"):format(counts.copied, counts.current,
    counts.removed))
end

local function show(folder)
  local from, to = anyio.Path(folder, "from"), anyio.Path(folder, "to")
  for _, name in ipairs { "a.txt", "sub/b.txt", "sub/deep/c.txt" } do
    (from / name).parent:mkdir { parents = true, exist_ok = true };
    (from / name):write_text(name)
  end
  mirror(from, to)
  mirror(from, to);
  (from / "a.txt"):write_text("changed");
  (from / "sub/deep/c.txt"):unlink();
  (from / "sub/deep"):rmdir()
  mirror(from, to)
  print((to / "a.txt"):read_text(), (to / "sub/deep"):exists())
end

if arg[1] then
  mirror(anyio.Path(arg[1]), anyio.Path(arg[2]))
else
  anyio.TemporaryDirectory(show)
end

-- Output:
-- 3 copied, 0 current, 0 removed
-- 0 copied, 3 current, 0 removed
-- 1 copied, 1 current, 1 removed
-- changed	false
