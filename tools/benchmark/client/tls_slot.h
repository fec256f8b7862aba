#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

#include "tools/benchmark/client/http_answer.h"
#include "tools/benchmark/client/options.h"
#include "tools/benchmark/client/run.h"

namespace weir::benchmark {

// Immutable. What all TLS connections of a run share: TLS 1.3 only, certificates not verified
// against any authority, sessions kept only where they are to be resumed.
class TlsClient {
 public:
  explicit TlsClient(const Options& options);

  SSL_CTX* context() const { return context_.get(); }
  Mode mode() const { return mode_; }
  uint16_t port() const { return port_; }
  const std::string& request() const { return request_; }

 private:
  const Mode mode_;
  const uint16_t port_;
  const std::string request_;
  const bssl::UniquePtr<SSL_CTX> context_;
};

// Worker-confined. One GET over TLS: each on a connection of its own that the server ends, or all
// on one. With kTlsResumed the first connection of the slot only fetches a session and is not
// counted.
class TlsSlot final : public Slot {
 public:
  TlsSlot(Run& run, const TlsClient& client) : run_(run), client_(client) {}
  ~TlsSlot() override { shut(); }

  void begin() override;
  void onReady(uint32_t events) override;
  void abandon() override;

  // From the library: a session that a later connection may resume.
  void keepSession(bssl::UniquePtr<SSL_SESSION> session) { session_ = std::move(session); }

 private:
  // What the connection does, in this order; kResting and kWriting alternate on a kept one.
  enum class Phase { kNone, kConnecting, kShaking, kWriting, kReading, kEnding, kResting };

  void open();
  void shut();
  void fail(Outcome outcome);
  void advance();
  bool shake();
  bool write();
  bool read();
  bool readEnd();
  void complete();

  Run& run_;
  const TlsClient& client_;
  int fd_ = -1;
  Phase phase_ = Phase::kNone;
  bool fetching_session_ = false;
  HttpAnswer answer_;
  bssl::UniquePtr<SSL_SESSION> session_;
  bssl::UniquePtr<SSL> ssl_;
};

}  // namespace weir::benchmark
