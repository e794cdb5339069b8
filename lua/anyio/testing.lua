--- What tests ask of a run.

local tasks = require "anyio.tasks"

return {
  TaskInfo = tasks.TaskInfo,
  get_current_task = tasks.get_current_task,
  get_running_tasks = tasks.get_running_tasks,
  wait_all_tasks_blocked = tasks.wait_all_tasks_blocked,
}
