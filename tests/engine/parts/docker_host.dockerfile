ARG BASE
FROM $BASE
RUN apt-get install -y -qq docker-ce && usermod --append --groups docker pbx
