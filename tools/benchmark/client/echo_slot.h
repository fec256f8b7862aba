#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/benchmark/client/run.h"

namespace weir::benchmark {

// Worker-confined. Sends a message to an echo service and reads it back: over one TCP connection,
// or as datagrams from one UDP port. Each message has a number, and the echo must be the same
// bytes.
class EchoSlot final : public Slot {
 public:
  EchoSlot(Run& run, bool datagrams, uint16_t port, size_t size);
  ~EchoSlot() override;

  void begin() override;
  void onReady(uint32_t events) override;
  void abandon() override;

 private:
  void open();
  void shut();
  void end(Outcome outcome);
  void advance();
  bool sendRest();
  bool readStream();
  bool readDatagram();

  Run& run_;
  const bool datagrams_;
  const uint16_t port_;
  int fd_ = -1;
  bool connected_ = false;
  bool waiting_ = false;
  uint64_t number_ = 0;
  std::string message_;
  std::string received_;  // as large as the message
  size_t sent_ = 0;
  size_t got_ = 0;
};

}  // namespace weir::benchmark
