#pragma once

#include <memory>
#include <string>

#include "extensions/health_checkers/common/connection_probe.h"
#include "extensions/health_checkers/http/exchange.h"
#include "extensions/health_checkers/http/http2_companion.h"

namespace weir::extensions::health_checkers::http {

class HttpChecker;

// Main-thread only.
class HttpProbe final : public ConnectionProbe, private Exchange::Borrower {
 public:
  HttpProbe(HttpChecker& checker, upstream::ProbeConnections& connections,
            const upstream::ProbeTarget& target, upstream::ProbeListener& listener);
  ~HttpProbe() override;

 private:
  void ask(bool fresh) override;
  void read(buffer::Buffer& data, bool end_stream) override;
  bool readIdle(buffer::Buffer& data, bool end_stream) override;
  bool usable() override;
  bool answered() override;
  void forget() override;
  void close(upstream::ProbeConnection& connection) override;
  void onExchangeEnded() override;

  // Why it cannot be asked over the connection that has come up; empty: it can.
  std::string chooseProtocol();
  void conclude(bool keep);

  HttpChecker& checker_;
  std::unique_ptr<Exchange> exchange_;  // while asking
  Http2Companion* http2_ = nullptr;     // of the connection; null: HTTP/1
  bool in_codec_ = false;
};

}  // namespace weir::extensions::health_checkers::http
