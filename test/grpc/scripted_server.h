#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/base/fd.h"
#include "source/event/dispatcher.h"
#include "source/network/connection.h"
#include "source/network/io_context.h"

namespace weir::grpc::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

class ServerConnection;

// One request as the server sees it, and what it answers.
class ServerStream {
 public:
  ServerStream(ServerConnection& connection, int32_t id) : connection_(connection), id_(id) {}

  // What has come.
  std::string header(std::string_view name) const;
  std::vector<std::string> messages() const;  // complete ones
  Fields headers;
  std::string body;
  bool ended = false;
  bool reset_received = false;
  uint32_t reset_code = 0;

  // Answering.
  void head(const Fields& more = {});  // 200, application/grpc
  void rawHead(const Fields& fields, bool end_stream);
  void message(std::string_view bytes);
  void data(std::string_view bytes, bool end_stream = false);  // as they are
  void trailers(const Fields& fields);
  void status(int code, std::string_view message = {});  // in trailers, or trailers-only
  void reply(std::string_view bytes);                    // head, message, status 0
  void reset(uint32_t code);

  int32_t id() const { return id_; }
  ServerConnection& connection() { return connection_; }

 private:
  friend class ServerConnection;
  ssize_t read(uint8_t* out, size_t room, uint32_t* flags);
  void resume();

  ServerConnection& connection_;
  const int32_t id_;
  std::string outgoing_;
  size_t sent_ = 0;  // of it
  Fields trailers_;
  bool head_sent_ = false;
  bool finished_ = false;
  bool with_trailers_ = false;
};

// How the server behaves.
struct ServerOptions {
  bool send_settings = true;
  uint32_t max_streams = 100;
  uint32_t window_bytes = 65'535;  // of a stream
  bool consume = true;             // opens windows for what has come
  bool answer_pings = true;
};

// The server's end of one connection, by nghttp2: independent of what it tests.
class ServerConnection final : public network::ConnectionHandler {
 public:
  ServerConnection(std::unique_ptr<network::Connection> connection, const ServerOptions& options,
                   std::function<void(ServerStream&)> on_request);
  ~ServerConnection();

  // In the order of their coming; they stay.
  std::vector<ServerStream*> streams();
  void goAway(int32_t last_stream, uint32_t code = 0);
  void raw(std::string_view bytes);
  void close() { connection_->close(network::CloseMode::kReset); }
  void endOrderly() { connection_->close(network::CloseMode::kFlushNoLinger); }
  bool closed() const { return closed_; }
  bool goAwayReceived() const { return goaway_received_; }
  void consume(int32_t stream, size_t bytes);
  void flush();

 private:
  friend class ServerStream;
  struct Callbacks;

  void onData(buffer::Buffer& data, bool end_stream) override;
  void onClose(network::CloseReason) override { closed_ = true; }

  const ServerOptions options_;
  const std::function<void(ServerStream&)> on_request_;
  std::unique_ptr<network::Connection> connection_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, std::unique_ptr<ServerStream>> streams_;
  bool receiving_ = false;  // nghttp2 wants nothing sent from inside its callbacks
  bool closed_ = false;
  bool goaway_received_ = false;
};

// Listens on a free port of 127.0.0.1 and speaks HTTP/2 with prior knowledge, in the test's own
// thread.
class ScriptedServer final : public event::FdHandler {
 public:
  using TransportMaker = std::function<std::unique_ptr<network::TransportSocket>()>;

  explicit ScriptedServer(network::IoContext& io, const ServerOptions& options = {},
                          TransportMaker transport = nullptr);
  ~ScriptedServer();

  network::Address address() const { return address_; }
  // What happens with each request, when its head is there.
  std::function<void(ServerStream&)> on_request;
  ServerOptions options;  // of the next connections

  size_t connections() const { return connections_.size(); }
  ServerConnection& connection(size_t number) { return *connections_.at(number); }
  // Of all connections.
  std::vector<ServerStream*> streams();
  ServerStream& stream(size_t number) { return *streams().at(number); }
  void stopListening();
  // Listens again, on the same port.
  void listenAgain();
  // Leaves what comes in the queue of the kernel.
  void setAccepting(bool accepting);

 private:
  void onFdReady(event::FdEvents events) override;
  void listen(uint16_t port);

  network::IoContext& io_;
  const TransportMaker transport_;
  base::UniqueFd listening_;
  std::unique_ptr<event::FdWatcher> watcher_;
  network::Address address_;
  std::vector<std::unique_ptr<ServerConnection>> connections_;
};

// A message with its five bytes before it.
std::string framed(std::string_view message, char flag = 0);

}  // namespace weir::grpc::test
