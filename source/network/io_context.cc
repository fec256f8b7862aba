#include "source/network/io_context.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "source/network/connection.h"
#include "source/network/pipe_pool.h"
#include "source/network/udp_reader.h"

namespace weir::network {

IoContext::IoContext(event::Dispatcher& dispatcher, uint32_t worker_index)
    : dispatcher_(dispatcher),
      pipes_(std::make_unique<PipePool>()),
      next_id_(uint64_t{worker_index} << 48),
      worker_index_(worker_index) {
  // splice(2) to a socket that broke has no MSG_NOSIGNAL; a proxy wants EPIPE, never the signal.
  std::signal(SIGPIPE, SIG_IGN);
  dispatcher_.setAfterCallbackHook([this] { settle(); });
}

IoContext::~IoContext() {
  dispatcher_.setAfterCallbackHook(nullptr);
  *alive_ = false;
  if (read_block_ != nullptr) blocks_.release(*read_block_);
}

PipePool& IoContext::pipes() {
  return *pipes_;
}

UdpReader& IoContext::udpReader() {
  if (udp_reader_ == nullptr) udp_reader_ = std::make_unique<UdpReader>();
  return *udp_reader_;
}

uint64_t IoContext::nextConnectionId() {
  return ++next_id_;
}

std::span<char> IoContext::readRoom() {
  rewindReadBlock();
  if (read_block_ != nullptr && read_block_->capacity - read_block_->used < kMinReadRoom) {
    blocks_.release(*std::exchange(read_block_, nullptr));
  }
  if (read_block_ == nullptr) read_block_ = &blocks_.acquire(buffer::BlockPool::kLargest);
  return {read_block_->data() + read_block_->used, read_block_->capacity - read_block_->used};
}

buffer::Slice IoContext::takeRead(size_t bytes) {
  buffer::Block& block = *read_block_;
  const char* data = block.data() + block.used;
  block.used += static_cast<uint32_t>(bytes);
  ++block.references;
  return buffer::Slice(block, data, static_cast<uint32_t>(bytes));
}

void IoContext::rewindReadBlock() {
  if (read_block_ != nullptr && read_block_->references == 1) read_block_->used = 0;
}

size_t IoContext::bytesInUse() const {
  const bool unshared = read_block_ != nullptr && read_block_->references == 1;
  return blocks_.bytesInUse() - (unshared ? read_block_->capacity : 0);
}

std::unique_ptr<buffer::Buffer> IoContext::borrowBuffer() {
  if (free_buffers_.empty()) return std::make_unique<buffer::Buffer>(blocks_);
  auto buffer = std::move(free_buffers_.back());
  free_buffers_.pop_back();
  return buffer;
}

void IoContext::returnBuffer(std::unique_ptr<buffer::Buffer> buffer) {
  buffer->clear();
  if (free_buffers_.size() < kMaxFreeBuffers) free_buffers_.push_back(std::move(buffer));
}

void IoContext::forget(Connection& connection) {
  // Rare (destroyed with work due) and the lists are short. Places stay, so that settle() can go
  // on.
  for (auto* list : {&pending_, &working_}) {
    std::replace(list->begin(), list->end(), &connection, static_cast<Connection*>(nullptr));
  }
}

void IoContext::wake() {
  if (std::exchange(wake_posted_, true)) return;
  dispatcher_.post([this, alive = alive_] {
    if (*alive) wake_posted_ = false;  // settle() follows as the hook
  });
}

void IoContext::settle() {
  if (!working_.empty()) return;
  for (int pass = 0; pass < kMaxPasses && !pending_.empty(); ++pass) {
    std::swap(pending_, working_);
    for (size_t i = 0; i < working_.size(); ++i) {
      if (working_[i] != nullptr) working_[i]->settle();
    }
    working_.clear();
  }
  if (!pending_.empty()) wake();
}

}  // namespace weir::network
