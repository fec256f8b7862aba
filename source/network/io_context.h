#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "source/buffer/block_pool.h"
#include "source/buffer/buffer.h"
#include "source/event/dispatcher.h"

namespace weir::network {

class Connection;
class PipePool;
class UdpReader;

// What the connections of one worker share: its dispatcher, block pool, read block, flush list and
// pipes. Worker-confined. Outlives its connections. Installs itself as the dispatcher's
// after-callback hook, where output is flushed, reading is resumed and ends are told; whatever is
// left after a bounded number of rounds follows in a callback of its own, so that other events get
// their turn.
class IoContext {
 public:
  // Makes the process ignore SIGPIPE.
  IoContext(event::Dispatcher& dispatcher, uint32_t worker_index);
  ~IoContext();

  event::Dispatcher& dispatcher() { return dispatcher_; }
  buffer::BlockPool& blocks() { return blocks_; }
  PipePool& pipes();
  UdpReader& udpReader();  // made when first asked for
  uint32_t workerIndex() const { return worker_index_; }
  uint64_t nextConnectionId();  // worker index in the upper bits: unique without sharing

  // How long close(kFlush) waits for the peer to take more before it gives up.
  std::chrono::milliseconds flushTimeout() const { return flush_timeout_; }
  void setFlushTimeout(std::chrono::milliseconds timeout) { flush_timeout_ = timeout; }
  // Connections opened and not yet destroyed.
  uint32_t connections() const { return connections_; }
  // Bytes that connections and streams hold; the read block counts once somebody shares it.
  size_t bytesInUse() const;

 private:
  friend class Connection;
  friend class SplicePump;
  static constexpr size_t kMinReadRoom = 16 * 1024;
  static constexpr size_t kMaxFreeBuffers = 256;
  static constexpr int kMaxPasses = 16;

  // Unused tail of the shared read block, at least kMinReadRoom. What was filled of it is taken
  // with takeRead(), which makes a slice; rewindReadBlock() gives the room back once nobody holds
  // one.
  std::span<char> readRoom();
  buffer::Slice takeRead(size_t bytes);
  void rewindReadBlock();

  // Buffers are lent to connections while these have bytes.
  std::unique_ptr<buffer::Buffer> borrowBuffer();
  void returnBuffer(std::unique_ptr<buffer::Buffer> buffer);

  // Puts `connection` on the list that settle() works off at the end of the current callback.
  void enqueue(Connection& connection) { pending_.push_back(&connection); }
  void forget(Connection& connection);
  // Makes a callback happen soon, for what was enqueued outside of one.
  void wake();
  void settle();

  event::Dispatcher& dispatcher_;
  buffer::BlockPool blocks_;
  std::vector<std::unique_ptr<buffer::Buffer>> free_buffers_;
  std::vector<Connection*> pending_;
  std::vector<Connection*> working_;
  std::unique_ptr<PipePool> pipes_;
  std::unique_ptr<UdpReader> udp_reader_;
  buffer::Block* read_block_ = nullptr;
  uint64_t next_id_;
  std::chrono::milliseconds flush_timeout_{5000};
  const uint32_t worker_index_;
  uint32_t connections_ = 0;
  bool wake_posted_ = false;
  // Tells a posted wake-up that the context is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weir::network
