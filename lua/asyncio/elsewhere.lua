--- Methods of a loop that stand in files of their own, loaded when one of them
--- is first used: each file adds its methods to the class.

local METHODS <const> = {
  ["asyncio.connect"] = { "create_connection", "create_unix_connection" },
  ["asyncio.datagram"] = { "create_datagram_endpoint" },
  ["asyncio.listen"] = {
    "connect_accepted_socket", "create_server", "create_unix_server",
  },
  ["asyncio.executor"] = {
    "run_in_executor", "set_default_executor", "shutdown_default_executor",
  },
  ["asyncio.names"] = { "getaddrinfo", "getnameinfo" },
  ["asyncio.readiness"] = {
    "add_reader", "add_writer", "remove_reader", "remove_writer",
    "sock_accept", "sock_connect", "sock_recv", "sock_recvfrom",
    "sock_sendall", "sock_sendto",
  },
  ["asyncio.pipe_connect"] = { "connect_read_pipe", "connect_write_pipe" },
  ["asyncio.start_tls"] = { "start_tls" },
  ["asyncio.signals"] = { "add_signal_handler", "remove_signal_handler" },
}

local elsewhere = {}
for file, names in next, METHODS do
  for i = 1, #names do elsewhere[names[i]] = file end
end

return elsewhere
