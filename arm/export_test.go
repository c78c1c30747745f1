package arm

import (
	"net/http"
)

// AsyncStatus adds the header Azure-AsyncOperation to an answer, for operations
// whose status clients read as a document.
func (k *Kernel) AsyncStatus(r *Request, op Operation, resp *Response) {
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	resp.Header.Set("Azure-AsyncOperation", operationURL(r, op, "operationstatuses"))
}
