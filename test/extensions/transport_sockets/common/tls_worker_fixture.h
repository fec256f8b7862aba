#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>

#include "source/base/fd.h"
#include "source/base/service_map.h"
#include "source/network/io_context.h"
#include "source/network/transport_socket.h"
#include "source/stats/stats.h"
#include "test/extensions/transport_sockets/common/tls_peer.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::extensions::transport_sockets::test {

using network::IoResult;

// A worker with simulated time, as transports are bound to.
struct TlsWorkerFixture {
  explicit TlsWorkerFixture(stats::Store& store, uint32_t index = 1) : io(dispatcher, index) {
    services.put<event::Dispatcher>(dispatcher);
    services.put(io);
    services.put(store);
    services.put(store.block(index));
  }
  event::FakeDispatcher dispatcher;
  network::IoContext io;
  base::ServiceMap services;
};

// Two connected sockets, both non-blocking. A packet socket keeps what each send(2) sent apart.
inline std::pair<base::UniqueFd, base::UniqueFd> socketPair(int type = SOCK_STREAM) {
  int fds[2] = {-1, -1};
  static_cast<void>(::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
  return {base::UniqueFd(fds[0]), base::UniqueFd(fds[1])};
}

// One transport under test, driven by hand as its connection would.
class Driven final : public network::TransportHost {
 public:
  Driven(std::unique_ptr<network::TransportSocket> transport, base::UniqueFd fd,
         buffer::BlockPool& blocks)
      : fd_(std::move(fd)), transport_(std::move(transport)), blocks_(blocks) {
    transport_->attach(fd_.get(), *this);
  }
  void transportReady() override { ++ready; }

  network::TransportSocket& transport() { return *transport_; }
  int fd() const { return fd_.get(); }
  IoResult handshake() {
    last = transport_->handshake();
    return last;
  }
  // What can be read now; `last` says how it ended.
  std::string read(size_t limit = size_t{1} << 30) {
    std::string text;
    std::string room(64 * 1024, '\0');
    while (text.size() < limit) {
      last = transport_->read(room);
      text.append(room, 0, last.bytes);
      if (last.state != IoResult::State::kOk) break;
    }
    return text;
  }
  // Writes; what was not taken stays in `output`.
  IoResult write(std::string_view text) {
    output.append(text);
    last = transport_->write(output);
    return last;
  }

  int ready = 0;
  IoResult last;

 private:
  base::UniqueFd fd_;
  std::unique_ptr<network::TransportSocket> transport_;
  buffer::BlockPool& blocks_;

 public:
  buffer::Buffer output{blocks_};
};

// Both sides go on until both are done, or one has failed, or nothing moves any more. True: done.
inline bool shakeHands(TlsWorkerFixture& worker, Driven& ours, TlsPeer& peer, int rounds = 100) {
  bool up = false;
  for (int i = 0; i < rounds; ++i) {
    const TlsPeer::State state = peer.step();
    if (!up) {
      const IoResult result = ours.handshake();
      up = result.state == IoResult::State::kOk;
      if (!up && result.state != IoResult::State::kWouldBlock) {
        peer.step();
        return false;
      }
    }
    worker.dispatcher.runUntilIdle();
    if (up && state == TlsPeer::State::kDone) {
      peer.push();
      return true;
    }
    if (state == TlsPeer::State::kFailed) {
      ours.handshake();
      return false;
    }
  }
  return false;
}

}  // namespace weir::extensions::transport_sockets::test
