#include "extensions/network_filters/lua/filter.h"

#include <cstdio>
#include <utility>

#include "extensions/network_filters/lua/bindings.h"
#include "source/lua/facts.h"

namespace weir::extensions::network_filters::lua {
namespace {

// Towards a client that reads slowly, a script may put so much.
constexpr size_t kMaxOutput = size_t{1} << 20;

int pushNothing(lua_State*) {
  return 0;
}

const char* functionName(Function function) {
  switch (function) {
    case Function::kNewConnection:
      return "on_new_connection";
    case Function::kData:
      return "on_data";
    case Function::kWrite:
      return "on_write";
    case Function::kClose:
      return "on_close";
  }
  return "?";
}

const char* reasonName(network::CloseReason reason) {
  switch (reason) {
    case network::CloseReason::kLocal:
      return "local";
    case network::CloseReason::kRemote:
      return "remote";
    case network::CloseReason::kReset:
      return "reset";
    case network::CloseReason::kConnectFailed:
      return "connect_failed";
    case network::CloseReason::kConnectTimeout:
      return "connect_timeout";
    case network::CloseReason::kTransportError:
      return "transport_error";
  }
  return "?";
}

}  // namespace

LuaFilter::LuaFilter(Shared& shared)
    : shared_(shared),
      timer_(shared.dispatcher.wheel(), event::wheelCallback<&LuaFilter::onTimer>, this) {}

LuaFilter::~LuaFilter() {
  release();
}

bool LuaFilter::has(Function function) const {
  return state_ && state_->entryPoint(static_cast<size_t>(function));
}

void LuaFilter::onNewConnection(network::NetworkFilterChain& chain) {
  NetworkFilter::onNewConnection(chain);
  own_chain_ = &chain;
  state_ = base::LocalRef<weir::lua::State>(shared_.script.state());
  if (state_) {
    number_ = shared_.next_number++;
    shared_.filters.emplace(number_, this);
  } else if (!shared_.script.bypassed()) {
    fail();
  }
}

network::Verdict LuaFilter::onConnected() {
  if (!has(Function::kNewConnection)) return Verdict::kContinue;
  const Verdict verdict = begin(Phase::kConnected, Function::kNewConnection, [this](lua_State* L) {
    pushConnection(L);
    return 1;
  });
  held_connected_ = verdict == Verdict::kPause && !waiting_;
  return verdict;
}

network::Verdict LuaFilter::onData(buffer::Buffer& data, bool end_stream) {
  if (!state_ || !has(Function::kData)) return Verdict::kContinue;
  if (phase_ == Phase::kConnected || held_connected_) {
    missed_data_ = true;
    return Verdict::kPause;
  }
  if (waiting_ && waking_ == nullptr) return Verdict::kPause;
  held_data_ = false;
  data_ = &data;
  end_stream_ = end_stream;
  const Verdict verdict = waking_ != nullptr
                              ? goOn(*std::exchange(waking_, nullptr))
                              : begin(Phase::kData, Function::kData, [this](lua_State* L) {
                                  pushConnection(L);
                                  pushData(L);
                                  lua_pushboolean(L, end_stream_);
                                  return 3;
                                });
  data_ = nullptr;
  held_data_ = verdict == Verdict::kPause && !waiting_;
  return verdict;
}

network::Verdict LuaFilter::onWrite(buffer::Buffer& data, bool end_stream) {
  if (!has(Function::kWrite)) return Verdict::kContinue;
  buffer::Buffer* const outer_data = std::exchange(data_, &data);
  const bool outer_end = std::exchange(end_stream_, end_stream);
  const bool good = callNow(Function::kWrite, [this](lua_State* L) {
    pushConnection(L);
    pushData(L);
    lua_pushboolean(L, end_stream_);
    return 3;
  });
  data_ = outer_data;
  end_stream_ = outer_end;
  return good ? Verdict::kContinue : fail();
}

void LuaFilter::onClose(network::CloseReason reason) {
  call_.cancel();
  timer_.cancel();
  coroutine_.reset();
  waiting_ = false;
  if (has(Function::kClose)) {
    callNow(Function::kClose, [this, reason](lua_State* L) {
      pushConnection(L);
      lua_pushstring(L, reasonName(reason));
      return 2;
    });
  }
  release();
}

void LuaFilter::release() {
  if (number_ != 0) shared_.filters.erase(std::exchange(number_, 0));
  call_.cancel();
  timer_.cancel();
  coroutine_.reset();
  phase_ = Phase::kIdle;
  waiting_ = held_connected_ = held_data_ = false;
  if (!state_) return;
  state_->forget(std::exchange(connection_handle_, {}));
  state_->forget(std::exchange(data_handle_, {}));
  state_.reset();
}

bool LuaFilter::write(std::string_view bytes, bool end_stream) {
  network::Connection& to = connection();
  if (!to.open() || to.output().size() + bytes.size() > kMaxOutput) return false;
  buffer::Buffer data(to.io().blocks());
  data.append(bytes);
  own_chain_->write(*this, data, end_stream);
  return true;
}

void LuaFilter::resume() {
  shared_.dispatcher.atTurnEnd(*this);
}

void LuaFilter::startTimer(std::chrono::milliseconds time) {
  timer_.arm(time);
}

void LuaFilter::startCall(const router::HttpCallRequest& request) {
  call_ = shared_.calls->start(request, *this);
}

void LuaFilter::pushConnection(lua_State* L) {
  if (!connection_handle_) {
    pushNumbered(L, connectionType(), number_);
    connection_handle_ = state_->keep(L);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, connection_handle_.reference);
}

void LuaFilter::pushData(lua_State* L) {
  if (!data_handle_) {
    pushNumbered(L, kDataType, number_);
    data_handle_ = state_->keep(L);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, data_handle_.reference);
}

network::Verdict LuaFilter::begin(Phase phase, Function function, Push push) {
  phase_ = phase;
  coroutine_ = state_->coroutine();
  running_ = true;
  return settle(coroutine_.start(state_->entryPoint(static_cast<size_t>(function)), push));
}

network::Verdict LuaFilter::goOn(Push push) {
  waiting_ = false;
  running_ = true;
  return settle(coroutine_.resume(push));
}

network::Verdict LuaFilter::settle(weir::lua::Outcome outcome) {
  running_ = false;
  switch (outcome.progress) {
    case weir::lua::Progress::kYielded:
      waiting_ = true;
      return Verdict::kPause;
    case weir::lua::Progress::kDone:
      return verdictOf();
    case weir::lua::Progress::kFailed:
      return fail();
    case weir::lua::Progress::kAbandoned:
      break;
  }
  return Verdict::kPause;
}

// What the function of the coroutine that is done has returned.
network::Verdict LuaFilter::verdictOf() {
  lua_State* const L = coroutine_.thread();
  const bool nothing = lua_gettop(L) == 0 || lua_isnil(L, 1);
  const std::string_view word = !nothing && lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
  const int type = nothing ? LUA_TNIL : lua_type(L, 1);
  const Phase phase = std::exchange(phase_, Phase::kIdle);
  const bool pause = word == "pause";
  const bool good = nothing || pause || word == "continue";
  coroutine_.reset();
  if (good) return pause ? Verdict::kPause : Verdict::kContinue;
  // Counted as an error of the script.
  const Function function = phase == Phase::kConnected ? Function::kNewConnection : Function::kData;
  state_->call(state_->identity(), &pushNothing, [function, type](lua_State* thread, int) {
    char problem[96];
    std::snprintf(problem, sizeof problem,
                  "returned a %s; it has to be \"continue\", \"pause\" or nil",
                  type == LUA_TSTRING ? "different string" : lua_typename(thread, type));
    weir::lua::raiseResult(thread, functionName(function), problem);
  });
  return fail();
}

network::Verdict LuaFilter::fail() {
  const bool closes = shared_.script.config().on_error == weir::lua::OnError::kFail;
  // What still waits for the script, when another function of it has failed.
  const bool connected = held_connected_ || (waiting_ && phase_ == Phase::kConnected);
  const bool data = held_data_ || (waiting_ && phase_ == Phase::kData);
  release();
  if (closes) {
    connection().close(network::CloseMode::kNow);
    return Verdict::kPause;
  }
  held_connected_ = connected;
  held_data_ = data;
  if (connected || data) resume();
  return Verdict::kContinue;
}

bool LuaFilter::callNow(Function function, Push push) {
  return !state_
              ->call(state_->entryPoint(static_cast<size_t>(function)), push,
                     [](lua_State*, int) {})
              .failed();
}

void LuaFilter::wake(Push push) {
  if (!waiting_ || !connection().open()) return;
  if (phase_ == Phase::kData) {
    waking_ = &push;
    own_chain_->offerAgain(*this);
    waking_ = nullptr;
    return;
  }
  const Verdict verdict = goOn(push);
  held_connected_ = verdict == Verdict::kPause && !waiting_;
  if (verdict == Verdict::kContinue) connectedDone();
}

void LuaFilter::connectedDone() {
  own_chain_->resumeConnected(*this);
  if (std::exchange(missed_data_, false)) own_chain_->offerAgain(*this);
}

void LuaFilter::onTurnEnd() {
  if (std::exchange(held_connected_, false)) {
    connectedDone();
  } else if (std::exchange(held_data_, false)) {
    own_chain_->resumeRead(*this);
  }
}

void LuaFilter::onTimer() {
  wake(&pushNothing);
}

void LuaFilter::onHttpCallAnswer(router::HttpCallAnswer& answer) {
  const std::string_view body = answer.body.linearize(answer.body.size());
  wake([&](lua_State* L) { return pushAnswer(L, answer, body); });
}

void LuaFilter::onHttpCallFailure(const http::StreamError& error) {
  wake([&](lua_State* L) { return pushFailure(L, error); });
}

}  // namespace weir::extensions::network_filters::lua
