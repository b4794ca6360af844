ARG BASE
FROM $BASE
RUN groupadd --gid 888 portsip && useradd --create-home --uid 888 --gid 888 portsip \
 && install -d -o portsip -g portsip /var/lib/portsip/dataflow
COPY program /usr/local/lib/dataflow
RUN install -m 755 /usr/local/lib/dataflow/dataflow.py /usr/local/bin/dataflow \
 && install -m 755 /usr/local/lib/dataflow/initdt_dataflow.sh /usr/local/bin/initdt_dataflow.sh
ARG VERSION
# Each release has a layer of its own, so that a pull has something to fetch.
RUN head -c 20000000 /dev/urandom >/opt/release-$VERSION
LABEL product=PBX version=$VERSION maintainer=lab
CMD ["/usr/local/bin/dataflow"]
