#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "source/network/connection.h"
#include "source/network/splicer.h"

namespace weir::extensions::network_filters::tcp_proxy {

// Decides for one direction of a session whether its bytes are copied or moved inside the kernel.
// A short message is cheapest with one read and one write; when a read brings much, more is to
// come, and a splicer takes over until what passes has become little again. Worker-confined.
class SpliceSwitch final : public network::Splicer::Observer {
 public:
  // Called at the end of a callback.
  class Owner {
   public:
    // `bytes` more have reached the target's socket, not by its output.
    virtual void onSpliced(SpliceSwitch& direction, uint64_t bytes) = 0;
    // The source has ended and all it sent has reached the target.
    virtual void onSpliceEnded(SpliceSwitch& direction) = 0;

   protected:
    ~Owner() = default;
  };

  explicit SpliceSwitch(Owner& owner) : owner_(owner) {}
  // From now on, until stop(). Both carry the very bytes.
  void allow(network::Connection& source, network::Connection& target);
  // The owner has written `bytes` to the target that came with one read, and the source goes on.
  void copied(size_t bytes) {
    if (bytes >= kMuch && source_ != nullptr) start();
  }
  // One of the connections has gone, or goes. Bytes inside the kernel are lost.
  void stop();
  bool splicing() const { return splicer_ != nullptr; }

  // Of one read. A read block has four times as much.
  static constexpr size_t kMuch = 16 * 1024;
  // So many times in a row less than kLittle ends splicing.
  static constexpr uint64_t kLittle = 8 * 1024;
  static constexpr uint8_t kPatience = 4;

 private:
  void start();
  void onSpliced(uint64_t count) override;
  void onSpliceDone() override;
  void onSpliceSourceEnded() override { onSpliceDone(); }

  Owner& owner_;
  network::Connection* source_ = nullptr;  // null: not allowed
  network::Connection* target_ = nullptr;
  std::unique_ptr<network::Splicer> splicer_;
  uint8_t little_ = 0;
};

}  // namespace weir::extensions::network_filters::tcp_proxy
