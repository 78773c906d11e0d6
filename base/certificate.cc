#include "base/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace weir {
namespace {

template <auto Free>
struct With {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
void FreeCertificates(STACK_OF(X509) * certificates) { sk_X509_pop_free(certificates, X509_free); }

using Bio = std::unique_ptr<BIO, With<BIO_free>>;
using Certificate = std::unique_ptr<X509, With<X509_free>>;
using Certificates = std::unique_ptr<STACK_OF(X509), With<FreeCertificates>>;
using Key = std::unique_ptr<EVP_PKEY, With<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, With<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, With<X509_STORE_CTX_free>>;

absl::Status Wrong(const std::string& flag, const std::string& file, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(flag, " ", file, ": ", why));
}

absl::StatusOr<Bio> Open(const std::string& flag, const std::string& file) {
  errno = 0;
  Bio bio(BIO_new_file(file.c_str(), "r"));
  if (bio == nullptr) {
    ERR_clear_error();
    return Wrong(flag, file, absl::StrCat("can't be read: ", std::strerror(errno)));
  }
  return bio;
}

// The file's certificates, at least one.
absl::StatusOr<Certificates> ReadCertificates(const std::string& flag, const std::string& file) {
  WEIR_ASSIGN_OR_RETURN(Bio bio, Open(flag, file));
  Certificates all(sk_X509_new_null());
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    sk_X509_push(all.get(), one);
  }
  ERR_clear_error();
  if (sk_X509_num(all.get()) == 0) {
    return Wrong(flag, file, "holds no certificate; accepted is PEM (\"BEGIN CERTIFICATE\")");
  }
  return all;
}

absl::StatusOr<Key> ReadKey(const std::string& file) {
  WEIR_ASSIGN_OR_RETURN(Bio bio, Open("--tls-key", file));
  // An encrypted key must not ask a terminal for its password.
  const auto no_password = [](char*, int, int, void*) { return 0; };
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return Wrong(
        "--tls-key", file,
        "holds no private key; accepted is PEM without a password (\"BEGIN PRIVATE KEY\")");
  }
  return key;
}

absl::Status CheckChain(const TlsFiles& files, X509* own, STACK_OF(X509) * chain,
                        STACK_OF(X509) * authorities) {
  Store store(X509_STORE_new());
  for (int i = 0; i < sk_X509_num(authorities); ++i) {
    X509_STORE_add_cert(store.get(), sk_X509_value(authorities, i));
  }
  StoreContext context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), own, chain);
  const bool valid = X509_verify_cert(context.get()) == 1;
  const int why = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  if (valid) return absl::OkStatus();
  return Wrong("--tls-cert", files.cert,
               absl::StrCat("peers that trust --tls-ca ", files.ca,
                            " would refuse it: ", X509_verify_cert_error_string(why)));
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files, const std::vector<std::string>& names) {
  WEIR_ASSIGN_OR_RETURN(const Certificates chain, ReadCertificates("--tls-cert", files.cert));
  WEIR_ASSIGN_OR_RETURN(const Key key, ReadKey(files.key));
  WEIR_ASSIGN_OR_RETURN(const Certificates authorities, ReadCertificates("--tls-ca", files.ca));
  X509* own = sk_X509_value(chain.get(), 0);
  if (X509_check_private_key(own, key.get()) != 1) {
    ERR_clear_error();
    return Wrong("--tls-key", files.key,
                 absl::StrCat("isn't the key of the certificate in ", files.cert));
  }
  WEIR_RETURN_IF_ERROR(CheckChain(files, own, chain.get(), authorities.get()));
  for (const std::string& name : names) {
    if (X509_check_host(own, name.data(), name.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                        nullptr) == 1) {
      continue;
    }
    return Wrong("--tls-cert", files.cert,
                 absl::StrCat("doesn't carry the DNS name ", name,
                              " among its subject alternative names, which this process needs"));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> CertificateExpiry(const std::string& cert) {
  WEIR_ASSIGN_OR_RETURN(const Certificates chain, ReadCertificates("--tls-cert", cert));
  std::tm until = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain.get(), 0)), &until) != 1) {
    ERR_clear_error();
    return Wrong("--tls-cert", cert, "has no end of its validity");
  }
  return static_cast<int64_t>(timegm(&until));
}

}  // namespace weir
