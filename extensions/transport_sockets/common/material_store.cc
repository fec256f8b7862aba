#include "extensions/transport_sockets/common/material_store.h"

#include "extensions/transport_sockets/common/material_watch.h"
#include "extensions/transport_sockets/common/x509_text.h"
#include "source/base/concat.h"

namespace weir::extensions::transport_sockets {
namespace {

using Part = MaterialProblem::Part;

Part partOf(TrustBlame::Kind kind) {
  switch (kind) {
    case TrustBlame::Kind::kCa:
      return Part::kCa;
    case TrustBlame::Kind::kCrl:
      return Part::kCrl;
    case TrustBlame::Kind::kSystem:
      return Part::kSystemTrust;
  }
  return Part::kCa;
}

std::vector<std::string> pathsOf(const MaterialFiles& files) {
  std::vector<std::string> paths;
  const auto add = [&paths](const std::string& path) {
    if (!path.empty()) paths.push_back(path);
  };
  for (const CertificateFiles& pair : files.certificates) {
    add(pair.certificate);
    if (pair.key != pair.certificate) add(pair.key);
    add(pair.ocsp);
  }
  if (files.trust) {
    for (const std::string& path : files.trust->ca_files) add(path);
    for (const std::string& path : files.trust->crl_files) add(path);
    if (files.trust->system) add(systemTrustFile());
  }
  if (files.tickets) add(files.tickets->file);
  return paths;
}

}  // namespace

MaterialStore::MaterialStore(MaterialFiles files) : files_(std::move(files)) {}
MaterialStore::~MaterialStore() = default;

std::shared_ptr<MaterialStore> MaterialStore::load(const MaterialFiles& files,
                                                   event::SystemTime now,
                                                   std::vector<MaterialProblem>& problems,
                                                   std::vector<std::string>& warnings) {
  const size_t before = problems.size();
  std::shared_ptr<MaterialStore> store(new MaterialStore(files));
  store->noteIdentities();
  for (size_t i = 0; i < files.certificates.size(); ++i) {
    store->loadCertificate(i, now, problems, warnings);
  }
  store->loadTrust(now, problems, warnings);
  store->loadTickets(now, problems);
  if (problems.size() > before) return nullptr;
  store->publish();
  return store;
}

void MaterialStore::noteIdentities() {
  for (std::string& path : pathsOf(files_)) {
    const event::FileIdentity identity = event::fileIdentity(path);
    identities_.emplace_back(std::move(path), identity);
  }
}

void MaterialStore::loadCertificate(size_t index, event::SystemTime now,
                                    std::vector<MaterialProblem>& problems,
                                    std::vector<std::string>& warnings) {
  const CertificateFiles& files = files_.certificates[index];
  CertificateFile blame;
  auto pair = CertificatePair::load(files, now, &blame);
  if (!pair.ok()) {
    const Part part = blame == CertificateFile::kKey ? Part::kKey : Part::kCertificate;
    problems.push_back({part, index, pair.status()});
    return;
  }
  ServedCertificate served{*std::move(pair), nullptr};
  const std::vector<std::string>& notes = served.pair->warnings();
  warnings.insert(warnings.end(), notes.begin(), notes.end());
  if (!files.ocsp.empty()) {
    auto ocsp = OcspResponse::load(files.ocsp, served.pair->leaf(), served.pair->issuer(), now);
    if (!ocsp.ok()) {
      problems.push_back({Part::kOcsp, index, ocsp.status()});
      return;
    }
    served.ocsp = *std::move(ocsp);
    if (!served.ocsp->fresh(now)) {
      warnings.push_back(base::concat(files.ocsp, ": has ended on ",
                                      timeText(served.ocsp->nextUpdate()),
                                      " and is not stapled; fetch it again"));
    }
  }
  certificates_.push_back(std::move(served));
}

void MaterialStore::loadTrust(event::SystemTime now, std::vector<MaterialProblem>& problems,
                              std::vector<std::string>& warnings) {
  if (!files_.trust) return;
  TrustBlame blame;
  auto trust = TrustStore::load(*files_.trust, now, &blame);
  if (!trust.ok()) {
    problems.push_back({partOf(blame.kind), blame.index, trust.status()});
    return;
  }
  trust_ = *std::move(trust);
  const std::vector<std::string>& notes = trust_->warnings();
  warnings.insert(warnings.end(), notes.begin(), notes.end());
}

void MaterialStore::loadTickets(event::SystemTime now, std::vector<MaterialProblem>& problems) {
  if (!files_.tickets) return;
  auto tickets = TicketKeys::create(*files_.tickets, now);
  if (!tickets.ok()) {
    problems.push_back({Part::kTickets, 0, tickets.status()});
    return;
  }
  tickets_ = *std::move(tickets);
}

void MaterialStore::publish() {
  auto fresh = std::make_shared<Material>();
  if (!certificates_.empty()) fresh->certificates = std::make_shared<CertificateSet>(certificates_);
  fresh->trust = trust_;
  std::shared_ptr<const Material> next = std::move(fresh);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    current_.swap(next);
  }
  version_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const Material> MaterialStore::current() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return current_;
}

void MaterialStore::start(base::ServiceMap& services) {
  watch_ = std::make_unique<MaterialWatch>(*this, services);
}

void MaterialStore::stop() {
  watch_.reset();
}

}  // namespace weir::extensions::transport_sockets
