{{- define "fabric.labels" -}}
app.kubernetes.io/name: fabric
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
{{- define "fabric.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end }}
{{- define "fabric.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}
{{- define "fabric.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- define "fabric.keepKubeconfig" -}}
- keep-kubeconfig
- --server={{ .Values.apiServer | default "https://$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)" }}
- --token-file=/var/run/secrets/fabric/token
- --ca-file=/var/run/secrets/fabric/ca.crt
{{- end }}
{{- define "fabric.runDir" -}}
{{ .Values.config.runDir | default "/run/fabric" }}
{{- end }}

{{- define "fabric.nodeConfig" -}}
{{- $config := deepCopy .Values.config -}}
{{- if .Values.services.cidrs -}}{{- $_ := set $config "services" .Values.services -}}{{- end -}}
{{- toYaml $config -}}
{{- end }}
