#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"

#include "extensions/network_filters/lua/lua.h"
#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/event/timer.h"
#include "source/lua/coroutine.h"
#include "source/lua/worker_script.h"
#include "source/network/filter_chain.h"
#include "source/router/http_calls.h"
#include "source/upstream/cluster_set.h"

namespace weir::extensions::network_filters::lua {

class LuaFilter;

// What the filters of one worker share; the context of the script's states. Worker-confined.
struct Shared {
  Shared(std::shared_ptr<weir::lua::Script> loaded, base::ServiceMap& services)
      : dispatcher(services.get<event::Dispatcher>()),
        clusters(services.find<upstream::ClusterSet>()),
        calls(services.find<router::HttpCalls>()),
        script(std::move(loaded), services, this) {}

  event::Dispatcher& dispatcher;
  upstream::ClusterSet* const clusters;  // null in tests
  router::HttpCalls* const calls;        // null in tests
  // By number: what handles of scripts name, so that one may outlive its connection.
  absl::flat_hash_map<uint64_t, LuaFilter*> filters;
  uint64_t next_number = 1;
  weir::lua::WorkerScript script;
};

// One connection of a script. on_new_connection() and on_data() run in a coroutine, one after the
// other, and may wait in it; on_write() and on_close() may not wait. Worker-confined.
class LuaFilter final : public network::NetworkFilter,
                        private event::TurnEndTask,
                        private router::HttpCallListener {
 public:
  explicit LuaFilter(Shared& shared);
  ~LuaFilter() override;

  void onNewConnection(network::NetworkFilterChain& chain) override;
  network::Verdict onConnected() override;
  network::Verdict onData(buffer::Buffer& data, bool end_stream) override;
  network::Verdict onWrite(buffer::Buffer& data, bool end_stream) override;
  bool wantsWrites() const override { return has(Function::kWrite); }
  bool wantsReads() const override { return has(Function::kData); }
  void onClose(network::CloseReason reason) override;

  // For bindings ----------------------------------------------------------------------------------

  uint64_t number() const { return number_; }
  Shared& shared() { return shared_; }
  network::NetworkFilterChain& filterChain() const { return *own_chain_; }
  network::Connection& connection() const { return own_chain_->connection(); }
  // Of the running call; null when it has none.
  buffer::Buffer* data() const { return data_; }
  bool endStream() const { return end_stream_; }
  // Towards the client; false: too much waits already.
  bool write(std::string_view bytes, bool end_stream);
  // What on_new_connection() or on_data() has held by "pause" goes on, at the end of the turn.
  void resume();
  // The coroutine of this connection runs, and so may wait.
  bool mayWait() const { return running_; }
  // Before lua_yield().
  void startTimer(std::chrono::milliseconds time);
  void startCall(const router::HttpCallRequest& request);

 private:
  enum class Phase : uint8_t { kIdle, kConnected, kData };  // whose coroutine it is
  // What came of a coroutine's run: the verdict of its function.
  using Verdict = network::Verdict;
  using Push = weir::lua::Push;

  bool has(Function function) const;
  Verdict begin(Phase phase, Function function, Push push);
  Verdict goOn(Push push);
  Verdict settle(weir::lua::Outcome outcome);
  Verdict verdictOf();
  Verdict fail();
  // The coroutine goes on: what it waited for is there. `push`: what the waiting call returns.
  void wake(Push push);
  void connectedDone();
  void pushConnection(lua_State* L);
  void pushData(lua_State* L);
  // Runs a function that may not wait, and takes no result.
  bool callNow(Function function, Push push);
  void release();
  void onTimer();
  void onTurnEnd() override;
  void onHttpCallAnswer(router::HttpCallAnswer& answer) override;
  void onHttpCallFailure(const http::StreamError& error) override;

  Shared& shared_;
  network::NetworkFilterChain* own_chain_ = nullptr;
  uint64_t number_ = 0;                     // 0: no handle names it
  base::LocalRef<weir::lua::State> state_;  // null: the connection goes on without a script
  weir::lua::Function connection_handle_;
  weir::lua::Function data_handle_;
  weir::lua::Coroutine coroutine_;
  router::HttpCallHandle call_;
  event::WheelTimer timer_;
  buffer::Buffer* data_ = nullptr;
  const Push* waking_ = nullptr;  // in onData(): of the coroutine that goes on there
  Phase phase_ = Phase::kIdle;
  bool end_stream_ = false;
  bool running_ = false;
  bool waiting_ = false;         // the coroutine has yielded
  bool held_connected_ = false;  // on_new_connection() has said "pause"
  bool held_data_ = false;       // on_data() has
  bool missed_data_ = false;     // came while on_new_connection() held the connection
};

}  // namespace weir::extensions::network_filters::lua
